"""What to do next, so that the taught signs are recognised better: at most three things, the best first."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from handshape.data.checks.finding import count_of, listed
from handshape.serve.teach.hand_landmarks import LandmarkList
from handshape.serve.teach.photo_folder import TeachPhoto, photos_by_label
from handshape.types import NO_HAND_LABELS

_MOST = 3
# With so many people their mean accuracy says roughly what to expect of the next one.
_PEOPLE = 5
# Photos of a sign below which more of them help most.
_FEW_PHOTOS = 5
# Photos of one person and sign whose landmarks differ less than this (root mean square, in lengths of the
# palm) show one view of the hand. Of the studio photos of A, B, L and Y, three quarters of the bursts of five
# shots differ by less than 0.032; all shots of one person and letter by 0.053 in the median.
_ALIKE, _LEAST_TO_COMPARE = 0.035, 4


@dataclass(frozen=True)
class Advice:
    """One thing to do.

    Args:
        text: What, and why.
        photos: Photos that show it.
    """

    text: str
    photos: tuple[TeachPhoto, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return {"text": self.text, "photos": [[photo.label, photo.name] for photo in self.photos]}


def give_advice(
    photos: Sequence[TeachPhoto],
    landmarks: Callable[[TeachPhoto], LandmarkList | None],
    has_hand: Callable[[TeachPhoto], bool | None],
    confused: Mapping[str, Any] | None,
    *,
    damaged: Collection[TeachPhoto] = (),
) -> list[Advice]:
    """Return what to do next.

    Args:
        photos: All photos.
        landmarks: Returns the landmarks of a photo, if they are known.
        has_hand: Returns whether a photo shows a hand, if that is known.
        confused: The most frequent confusion of the recogniser that was taught, as JSON.
        damaged: Photos that were found to be damaged, of which some may be gone.
    """
    signs = {
        label: own for label, own in photos_by_label(photos).items() if label.lower() not in NO_HAND_LABELS
    }
    if not signs:
        return []
    found = [
        *_damaged([photo for photo in photos if photo in damaged]),
        *_without_hand(signs, has_hand),
        *_look_alike(signs, confused),
        *_people(signs),
        *_few(signs),
        *_turn(signs, landmarks),
    ]
    return found[:_MOST]


def _damaged(photos: Sequence[TeachPhoto]) -> Iterator[Advice]:
    if photos:
        count = count_of(len(photos), "photo is damaged", "photos are damaged")
        first = f"{photos[0].label}/{photos[0].name}"
        yield Advice(
            f"{count} and not trained on, the first {first}. Remove it and take it again.", tuple(photos[:2])
        )


def _without_hand(
    signs: Mapping[str, Sequence[TeachPhoto]], has_hand: Callable[[TeachPhoto], bool | None]
) -> Iterator[Advice]:
    for label, own in signs.items():
        blind = [photo for photo in own if has_hand(photo) is False]
        if 2 * len(blind) >= len(own):
            text = (
                f"No hand was found in {len(blind)} of {len(own)} photos of {label}. "
                "Take new ones: the whole hand, in good light."
            )
            yield Advice(text, tuple(blind[:2]))
            return


def _look_alike(
    signs: Mapping[str, Sequence[TeachPhoto]], confused: Mapping[str, Any] | None
) -> Iterator[Advice]:
    if not confused or confused["true"] not in signs:
        return
    true, predicted, count = confused["true"], confused["predicted"], confused["count"]
    shown = tuple(signs[label][0] for label in (true, predicted) if label in signs)
    text = (
        f"{true} and {predicted} look alike: {count_of(count, 'photo', 'photos')} of "
        f"{true} {'was' if count == 1 else 'were'} predicted as {predicted}. "
        f"Show where they differ, and take more photos of {'both' if predicted in signs else true}."
    )
    yield Advice(text, shown)


def _people(signs: Mapping[str, Sequence[TeachPhoto]]) -> Iterator[Advice]:
    people = {photo.signer for own in signs.values() for photo in own if photo.signer}
    alone = [label for label, own in signs.items() if len({photo.signer for photo in own}) == 1]
    if len(people) == 1:
        text = f"Ask somebody else to sign: all photos are of {min(people)}, and people's hands differ."
        yield Advice(text)
    elif people and alone:
        first = signs[alone[0]][0]
        text = f"Ask somebody else to show {listed(tuple(alone))}: one person alone shows each."
        yield Advice(text, (first,))
    elif 1 < len(people) < _PEOPLE:
        more = count_of(_PEOPLE - len(people), "more person", "more people")
        text = f"Ask {more} to sign: with {_PEOPLE}, the accuracy says roughly what to expect of others."
        yield Advice(text)


def _few(signs: Mapping[str, Sequence[TeachPhoto]]) -> Iterator[Advice]:
    label, own = min(signs.items(), key=lambda one: len(one[1]))
    if len(own) < _FEW_PHOTOS:
        count = count_of(len(own), "photo", "photos")
        yield Advice(
            f"Take more photos of {label}: it has {count}. Ten of each person are plenty.", (own[0],)
        )


def _turn(
    signs: Mapping[str, Sequence[TeachPhoto]], landmarks: Callable[[TeachPhoto], LandmarkList | None]
) -> Iterator[Advice]:
    for label, own in signs.items():
        for signer in sorted({photo.signer for photo in own}):
            taken = [photo for photo in own if photo.signer == signer and landmarks(photo)]
            if len(taken) < _LEAST_TO_COMPARE:
                continue
            if spread_of([landmarks(photo) or [] for photo in taken]) < _ALIKE:
                whose = f"{signer}'s photos" if signer else "The photos"
                text = (
                    f"Turn and tilt the hand while you take photos. {whose} of {label} are nearly the same."
                )
                yield Advice(text, (taken[0], taken[-1]))
                return


def spread_of(hands: Sequence[LandmarkList]) -> float:
    """Return how much hands differ: root mean square distance to the mean hand, in lengths of the palm."""
    points = np.array(hands, dtype=np.float64)
    points -= points[:, :1]
    points /= np.linalg.norm(points[:, 9], axis=1).clip(min=1e-6)[:, None, None]
    return float(np.sqrt(np.square(points - points.mean(axis=0)).sum(axis=2).mean()))
