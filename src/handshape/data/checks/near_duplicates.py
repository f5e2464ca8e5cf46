"""Photos that are not independent: exact copies, near-duplicates and bursts, and how many cross the split."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from handshape.data.checks.feature_distance import cosine_distance, typical_distance
from handshape.data.checks.fingerprint import near_hashes, nearest_of_each, thumbnail_distance
from handshape.data.dataset import SplitName
from handshape.data.images.image_stats import ImageFacts, thumbnails
from handshape.errors import ShapeError

Ids = NDArray[np.int64]

# How these were chosen, and what they find and miss, is measured in docs/data-check.md.
_HASH_LIMIT = 16
# Photos this near are near-duplicates; somewhat farther ones are if each is among the nearest of the other,
# or if the features of a backbone differ by less than a share of what is typical of photos of one label.
NEAR, FAR = 0.07, 0.12
_NEIGHBOURS = 3
_FEATURE_SHARE = 0.25
# Two labels share a picture only if it is nearly the same picture.
_SAME_HASH_LIMIT, _SAME = 8, 0.05
# Links kept per photo, the nearest: a still scene of 10,000 frames would have 50 million.
_LINKS = 64


@dataclass(frozen=True)
class Pairs:
    """P pairs of near-duplicates.

    Args:
        first: (P,) int64, index of a photo.
        second: (P,) int64, index of a later photo.
        distance: (P,) float32, mean difference of their thumbnails in units of their contrast; 0 for equal.
    """

    first: Ids
    second: Ids
    distance: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.first)

    def where(self, keep: NDArray[np.bool_]) -> "Pairs":
        """Return the pairs for which ``keep``, (P,) bool, is true."""
        return Pairs(self.first[keep], self.second[keep], self.distance[keep])


@dataclass(frozen=True)
class Leaks:
    """Photos of the test side that have a near-twin in training.

    Args:
        photos: Photos on the test side.
        leaking: Those among them with a near-twin of the same label in training.
        worst: (test photo, training photo, distance) for each of these, closest first.
    """

    photos: int
    leaking: int
    worst: tuple[tuple[int, int, float], ...]

    @property
    def share(self) -> float:
        """Leaking photos as a share of the test side, in [0, 1]."""
        return self.leaking / self.photos if self.photos else 0.0


def exact_groups(digests: Sequence[str]) -> Ids:
    """Return the same number, (N,) int64, for files of the same content."""
    return np.unique(np.array(digests, dtype=np.str_), return_inverse=True)[1].astype(np.int64)


def near_pairs(
    facts: Sequence[ImageFacts], classes: Ids, *, features: NDArray[np.floating] | None = None
) -> Pairs:
    """Find photos of the same label that are nearly the same photo.

    Perceptual hashes propose pairs and thumbnails decide: pairs nearer than `NEAR`, and pairs nearer than
    `FAR` of which each photo is among the three nearest of the other, as in a burst in which the hand moved.
    With features, pairs nearer than `FAR` also count if a backbone sees nearly the same.

    Args:
        facts: Facts of N photos.
        classes: (N,) int64, class of each.
        features: (N, D), a frozen backbone's features of each.

    Returns:
        The pairs, ordered by their first photo; each photo has at most 64 later ones, the nearest.

    Raises:
        ShapeError: ``classes`` or ``features`` are not of N photos.
    """
    _check_rows("classes", classes, (len(facts),))
    if features is not None:
        _check_rows("features", features, (len(facts), "D"))
    hashes, thumbs = _hashes(facts), thumbnails(facts)
    found = []
    for rows in _rows_by_class(classes):
        for first, second in near_hashes(hashes[rows], _HASH_LIMIT):
            found.append(_compared(rows[first], rows[second], thumbs, FAR))
    pairs = _nearest(_joined(found))
    near = (pairs.distance <= NEAR) | _mutual(pairs)
    if features is not None:
        far = np.flatnonzero(~near)
        within = _FEATURE_SHARE * typical_distance(features, classes)
        near[far] = cosine_distance(features, pairs.first[far], pairs.second[far]) <= within
    return pairs.where(near)


def twins_across_labels(facts: Sequence[ImageFacts], classes: Ids) -> Pairs:
    """Find pictures that are under two labels, perhaps resized or saved again.

    Args:
        facts: Facts of N photos.
        classes: (N,) int64, class of each.

    Returns:
        The pairs, of different classes.

    Raises:
        ShapeError: ``classes`` are not of N photos.
    """
    _check_rows("classes", classes, (len(facts),))
    thumbs, found = thumbnails(facts), []
    for first, second in near_hashes(_hashes(facts), _SAME_HASH_LIMIT, unlike=classes):
        found.append(_compared(first, second, thumbs, _SAME))
    return _nearest(_joined(found))


def leaks(pairs: Pairs, sides: Sequence[SplitName | None]) -> Leaks:
    """Count the test photos that have a near-twin in training.

    Args:
        pairs: Near-duplicates.
        sides: Side of the split of each of N photos.

    Returns:
        The count, and the nearest training photo of each of them.
    """
    side = np.array([name or "" for name in sides], dtype=np.str_)
    photos = int((side == "test").sum())
    forward = (side[pairs.first] == "test") & (side[pairs.second] == "train")
    back = (side[pairs.second] == "test") & (side[pairs.first] == "train")
    tested = np.concatenate([pairs.first[forward], pairs.second[back]])
    trained = np.concatenate([pairs.second[forward], pairs.first[back]])
    distance = np.concatenate([pairs.distance[forward], pairs.distance[back]])
    order = np.lexsort((trained, tested, distance))
    nearest = order[np.sort(np.unique(tested[order], return_index=True)[1])]
    worst = tuple((int(tested[k]), int(trained[k]), float(distance[k])) for k in nearest)
    return Leaks(photos, len(worst), worst)


def _hashes(facts: Sequence[ImageFacts]) -> NDArray[np.uint64]:
    return np.array([one.phash for one in facts], dtype=np.uint64)


def _rows_by_class(classes: Ids) -> list[Ids]:
    order = np.argsort(classes, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(classes[order])) + 1)


def _compared(first: Ids, second: Ids, thumbs: NDArray[np.uint8], within: float) -> Pairs:
    distance = thumbnail_distance(thumbs[first], thumbs[second], min(within, NEAR))
    return Pairs(first, second, distance).where(distance <= within)


def _mutual(pairs: Pairs) -> NDArray[np.bool_]:
    """Return whether each photo of a pair is among the nearest of the other."""
    ends = np.concatenate([pairs.first, pairs.second])
    among = np.zeros(len(ends), dtype=np.bool_)
    among[nearest_of_each(ends, np.tile(pairs.distance, 2), _NEIGHBOURS)] = True
    return among[: len(pairs)] & among[len(pairs) :]


def _nearest(pairs: Pairs) -> Pairs:
    kept = np.zeros(len(pairs), dtype=np.bool_)
    kept[nearest_of_each(pairs.first, pairs.distance, _LINKS)] = True
    return pairs.where(kept)


def _joined(parts: Sequence[Pairs]) -> Pairs:
    nothing = np.empty(0, dtype=np.int64)
    first = np.concatenate([nothing, *(part.first for part in parts)])
    second = np.concatenate([nothing, *(part.second for part in parts)])
    distance = np.concatenate([nothing.astype(np.float32), *(part.distance for part in parts)])
    order = np.lexsort((second, first))
    return Pairs(first[order], second[order], distance[order])


def _check_rows(name: str, array: NDArray[np.generic], expected: tuple[int | str, ...]) -> None:
    if array.ndim != len(expected) or len(array) != expected[0]:
        wanted = ", ".join(map(str, expected)) + ("," if len(expected) == 1 else "")
        remedy = "pass one row per photo, in the order of the facts"
        raise ShapeError(f"{name} of shape {array.shape}", f"({wanted})", remedy)
