"""Checks of the measurements of each photo: light, size, sharpness, borders and backgrounds."""

from collections.abc import Hashable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from handshape.data.checks.finding import Finding, count_of, listed
from handshape.data.checks.plain_background import plain_background, same_place_photos
from handshape.data.dataset import Dataset
from handshape.data.images.image_stats import ImageStats, decode_thumbnails

# Share of all photos from which a finding is about the whole data set.
_MOST, _NEARLY_ALL = 0.8, 0.9
# Grey level that 99 % of the pixels do not exceed.
_DARK_HIGHLIGHTS = 64.0
# Share of nearly white pixels, and mean grey level.
_BURNT_SHARE, _BRIGHT = 0.5, 225.0
_BLURRED = 0.56
# Half of the 224 pixels that networks take.
_SMALL = 112
# Photos are resized to a square; beyond this ratio a hand has less than half its width.
_LONG = 2.0
# Share of a label's photos with a property (and, of another label, without it) that gives the label away.
_GIVES_AWAY = 0.9

_Mask = NDArray[np.bool_]


def check_photos(dataset: Dataset, stats: Sequence[ImageStats]) -> Iterator[Finding]:
    """Yield findings about photos that are dark, bright, blurred, small or long."""
    light = np.array([(f.highlights, f.bright_share, f.brightness, f.sharpness) for f in stats])
    sides = np.array([(min(f.width, f.height), max(f.width, f.height)) for f in stats])
    dark = light[:, 0] < _DARK_HIGHLIGHTS
    rows: tuple[tuple[str, _Mask, str, str], ...] = (
        ("dark", dark, "too dark", "The hand can hardly be seen. Take them again with more light."),
        (
            "bright",
            (light[:, 1] > _BURNT_SHARE) | (light[:, 2] > _BRIGHT),
            "too bright",
            "Large parts are plain white. Take them again with less light or exposure.",
        ),
        (
            "blurred",
            (light[:, 3] < _BLURRED) & ~dark,
            "blurred",
            "The fingers cannot be told apart. Remove those that you could not name yourself.",
        ),
        (
            "small",
            sides[:, 0] < _SMALL,
            f"smaller than {_SMALL} pixels",
            "Networks take 224 pixels. Use larger originals if you have them.",
        ),
        (
            "long",
            sides[:, 1] > _LONG * sides[:, 0],
            "more than twice as long as wide",
            "They are resized to a square. Crop them around the hand.",
        ),
    )
    for kind, mask, what, advice in rows:
        count = int(mask.sum())
        if count:
            share = count / len(dataset)
            message = f"{count_of(count, 'photo is', 'photos are')} {what} ({100 * share:.1f} %). {advice}"
            yield Finding(
                kind, "warning" if share > 1 - _NEARLY_ALL else "note", message, share, _names(dataset, mask)
            )


def check_borders(dataset: Dataset, stats: Sequence[ImageStats]) -> Iterator[Finding]:
    """Yield a finding if photos have a border of one colour."""
    mask = np.array([any(f.border) for f in stats])
    count = int(mask.sum())
    if count:
        first = stats[int(mask.argmax())]
        yield Finding(
            "border",
            "note",
            f"{count_of(count, 'photo has', 'photos have')} a border of one colour (the first: "
            f"{count_of(max(first.border), 'pixel', 'pixels')} of {first.border_colour}). Crop it off: "
            "it is not part of the sign, and your camera will not show it.",
            count / len(dataset),
            _names(dataset, mask),
        )


def check_giveaways(dataset: Dataset, stats: Sequence[ImageStats]) -> Iterator[Finding]:
    """Yield a finding for each size, mode or border that gives a label away without the hand."""
    seen: dict[str, list[Hashable]] = {
        "size": [f"{f.width} x {f.height} pixels" for f in stats],
        "mode": [f"mode {f.mode}" for f in stats],
        "border": [f"border of {f.border_colour}" if any(f.border) else "no border" for f in stats],
    }
    for kind, values in seen.items():
        given = _given_away(dataset, values)
        if given:
            value, labels = given
            yield Finding(
                f"{kind}_gives_label_away",
                "serious",
                f"Nearly all photos of {listed(labels)} have {value}, and nearly none of some other label "
                "do. A network can learn that instead of the sign. Prepare all photos in the same way.",
                sum(sample.label in labels for sample in dataset.samples) / len(dataset),
                labels=labels,
            )


def check_backgrounds(dataset: Dataset, stats: Sequence[ImageStats]) -> Iterator[Finding]:
    """Yield a finding if nearly all photos have the same plain background, or show the same place."""
    thumbs = decode_thumbnails(stats)
    plain, colour = plain_background(thumbs)
    if plain.mean() >= _NEARLY_ALL:
        yield Finding(
            "plain_background",
            "warning",
            f"{count_of(int(plain.sum()), 'photo has', 'photos have')} the same plain background "
            f"(#{bytes(colour).hex()}). These results do not tell you how it will work in a real room. Add "
            "photos taken in rooms.",
            float(plain.mean()),
        )
        return
    place = same_place_photos(thumbs)
    if place.mean() >= _MOST and len(dataset) > 1:
        yield Finding(
            "one_room",
            "warning",
            f"{count_of(int(place.sum()), 'photo seems', 'photos seem')} to be taken in one place "
            f"({100 * place.mean():.0f} %). These results do not tell you how it will work elsewhere. Add "
            "photos from other places.",
            float(place.mean()),
        )


def _given_away(dataset: Dataset, values: Sequence[Hashable]) -> tuple[Hashable, tuple[str, ...]] | None:
    """Return the first value that nearly all photos of some labels have, and nearly none of another label."""
    counts = dataset.counts()
    for value in dict.fromkeys(values):
        having = dict.fromkeys(dataset.labels, 0)
        for sample, own in zip(dataset.samples, values, strict=True):
            having[sample.label] += own == value
        shares = {label: having[label] / counts[label] for label in dataset.labels if counts[label]}
        labels = tuple(label for label, share in shares.items() if share >= _GIVES_AWAY)
        if labels and min(shares.values()) <= 1 - _GIVES_AWAY:
            return value, labels
    return None


def _names(dataset: Dataset, mask: _Mask) -> tuple[str, ...]:
    return tuple(sample.name for sample, chosen in zip(dataset.samples, mask.tolist(), strict=True) if chosen)
