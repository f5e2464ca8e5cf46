"""Checks on what was measured of each photo: light, size, sharpness, borders and backgrounds."""

from collections.abc import Hashable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from handshape.data.checks.finding import Finding, count_of, listed
from handshape.data.checks.plain_background import one_place, plain_background
from handshape.data.dataset import Dataset
from handshape.data.images.image_stats import ImageFacts, thumbnails

# Photos at least this share of all, before it is said of the whole data set.
_MOST, _NEARLY_ALL = 0.8, 0.9
# No pixel to speak of is brighter; or all is near black.
_DARK_HIGHLIGHTS = 64.0
# Half of the photo is burnt out; or its mean is nearly white.
_BURNT_SHARE, _BRIGHT = 0.5, 225.0
_BLURRED = 0.56
# Half of the side that networks see: a hand of which half the detail was never there.
_SMALL = 112
# Photos are made square: beyond this, a hand is squeezed to half its width.
_LONG = 2.0
# A property of nearly all photos of one label and nearly none of another gives the label away.
_GIVES_AWAY = 0.9

Mask = NDArray[np.bool_]


def check_photos(dataset: Dataset, facts: Sequence[ImageFacts]) -> Iterator[Finding]:
    """Yield findings about photos that are dark, bright, blurred, small or long."""
    light = np.array([(f.highlights, f.bright_share, f.brightness, f.sharpness) for f in facts])
    sides = np.array([(min(f.width, f.height), max(f.width, f.height)) for f in facts])
    dark = light[:, 0] < _DARK_HIGHLIGHTS
    rows: tuple[tuple[str, Mask, str, str], ...] = (
        ("dark", dark, "too dark", "a hand can hardly be seen, so take them again with more light"),
        (
            "bright",
            (light[:, 1] > _BURNT_SHARE) | (light[:, 2] > _BRIGHT),
            "too bright",
            "large parts are plain white, so take them again with less light or exposure",
        ),
        (
            "blurred",
            (light[:, 3] < _BLURRED) & ~dark,
            "blurred",
            "fingers run into each other, so leave out those that you could not read yourself",
        ),
        (
            "small",
            sides[:, 0] < _SMALL,
            f"smaller than {_SMALL} pixels",
            "networks see 224 pixels, so use the original files if there are larger ones",
        ),
        (
            "long",
            sides[:, 1] > _LONG * sides[:, 0],
            "more than twice as long as wide",
            "they are squeezed into a square, so crop them around the hand",
        ),
    )
    for kind, mask, what, advice in rows:
        count = int(mask.sum())
        if count:
            share = count / len(dataset)
            message = f"{count_of(count, 'photo is', 'photos are')} {what} ({share:.1%}): {advice}."
            yield Finding(
                kind, "warning" if share > 1 - _NEARLY_ALL else "note", message, share, _names(dataset, mask)
            )


def check_borders(dataset: Dataset, facts: Sequence[ImageFacts]) -> Iterator[Finding]:
    """Yield a finding if photos have a border of one colour."""
    mask = np.array([any(f.border) for f in facts])
    count = int(mask.sum())
    if count:
        first = facts[int(mask.argmax())]
        yield Finding(
            "border",
            "note",
            f"{count_of(count, 'photo has', 'photos have')} a border of one colour (the first: "
            f"{count_of(max(first.border), 'pixel', 'pixels')} of {first.border_colour}): it is no part of a "
            "sign and will not be there in use, so crop it away.",
            count / len(dataset),
            _names(dataset, mask),
        )


def check_giveaways(dataset: Dataset, facts: Sequence[ImageFacts]) -> Iterator[Finding]:
    """Yield a finding for each size, mode or border that tells labels apart without looking at the hand."""
    seen: dict[str, list[Hashable]] = {
        "size": [f"{f.width} x {f.height} pixels" for f in facts],
        "mode": [f"mode {f.mode}" for f in facts],
        "border": [f"border of {f.border_colour}" if any(f.border) else "no border" for f in facts],
    }
    for kind, values in seen.items():
        given = _given_away(dataset, values)
        if given:
            value, labels = given
            yield Finding(
                f"{kind}_gives_label_away",
                "serious",
                f"Nearly all photos of {listed(labels)} have {value} and nearly none of some other labels "
                "do: a network can learn that instead of the sign, so prepare all photos in the same way.",
                sum(sample.label in labels for sample in dataset.samples) / len(dataset),
                labels=labels,
            )


def check_backgrounds(dataset: Dataset, facts: Sequence[ImageFacts]) -> Iterator[Finding]:
    """Yield a finding if nearly all photos have one plain background, or else one room."""
    thumbs = thumbnails(facts)
    plain, colour = plain_background(thumbs)
    if plain.mean() >= _NEARLY_ALL:
        yield Finding(
            "plain_background",
            "warning",
            f"{count_of(int(plain.sum()), 'photo has', 'photos have')} the same plain background "
            f"(#{bytes(colour).hex()}): figures say nothing about hands in a room, so add photos from rooms.",
            float(plain.mean()),
        )
        return
    place = one_place(thumbs)
    if place.mean() >= _MOST and len(dataset) > 1:
        yield Finding(
            "one_room",
            "warning",
            f"{count_of(int(place.sum()), 'photo seems', 'photos seem')} to be taken in one place "
            f"({place.mean():.0%}): figures say nothing about other rooms, so add photos from other places.",
            float(place.mean()),
        )


def _given_away(dataset: Dataset, values: Sequence[Hashable]) -> tuple[Hashable, tuple[str, ...]] | None:
    """Return the first value that nearly all photos of some labels have, and nearly none of another label."""
    counts = dataset.counts()
    for value in dict.fromkeys(values):
        held = dict.fromkeys(dataset.labels, 0)
        for sample, own in zip(dataset.samples, values, strict=True):
            held[sample.label] += own == value
        shares = {label: held[label] / counts[label] for label in dataset.labels if counts[label]}
        labels = tuple(label for label, share in shares.items() if share >= _GIVES_AWAY)
        if labels and min(shares.values()) <= 1 - _GIVES_AWAY:
            return value, labels
    return None


def _names(dataset: Dataset, mask: Mask) -> tuple[str, ...]:
    return tuple(sample.name for sample, chosen in zip(dataset.samples, mask.tolist(), strict=True) if chosen)
