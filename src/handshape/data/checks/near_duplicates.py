"""Find exact copies and near-duplicates, and count those that cross the split."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from handshape.data.checks.feature_distance import cosine_distance, typical_distance
from handshape.data.checks.fingerprint import near_hashes, nearest_of_each, thumbnail_distance
from handshape.data.images.image_stats import ImageStats, decode_thumbnails
from handshape.data.sample import Ids, SplitName
from handshape.errors import ShapeError

# docs/research/data_check.md measures what these limits find and miss.
_HASH_LIMIT = 16
# Photos nearer than NEAR are near-duplicates. Those nearer than FAR are if each is among the nearest of the
# other, or if their features differ by less than this share of the typical distance within a label.
NEAR, FAR = 0.07, 0.12
_NEIGHBOURS = 3
_FEATURE_SHARE = 0.25
# Two labels share a picture only if it is nearly the same picture.
_SAME_HASH_LIMIT, _SAME = 8, 0.05
# Nearest pairs kept per photo: 10,000 frames of a still scene would make 50 million pairs.
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
    """Test photos with a near-copy in training.

    Args:
        photos: Number of test photos.
        leaking: Number of them with a near-copy of the same label in training.
        worst: (test photo, training photo, distance) for each of these, closest first.
    """

    photos: int
    leaking: int
    worst: tuple[tuple[int, int, float], ...]

    @property
    def share(self) -> float:
        """Leaking photos as a share of the test photos, in [0, 1]."""
        return self.leaking / self.photos if self.photos else 0.0


def group_exact_copies(digests: Sequence[str]) -> Ids:
    """Return (N,) int64 numbers, equal for files of equal content."""
    return np.unique(np.array(digests, dtype=np.str_), return_inverse=True)[1].astype(np.int64)


def find_near_duplicates(
    stats: Sequence[ImageStats], classes: Ids, *, features: NDArray[np.floating] | None = None
) -> Pairs:
    """Find photos of the same label that are nearly the same photo.

    Perceptual hashes propose pairs, and thumbnails confirm them: pairs nearer than `NEAR`, and pairs nearer
    than `FAR` in which each photo is among the three nearest of the other, as in a burst with a moving hand.
    With features, pairs nearer than `FAR` also count if their features are nearly the same.

    Args:
        stats: Measurements of N photos.
        classes: (N,) int64, class of each.
        features: (N, D), a frozen backbone's features of each.

    Returns:
        The pairs, ordered by their first photo; each photo has at most 64 later ones, the nearest.

    Raises:
        ShapeError: ``classes`` or ``features`` are not of N photos.
    """
    _check_rows("classes", classes, (len(stats),))
    if features is not None:
        _check_rows("features", features, (len(stats), "D"))
    hashes, thumbs = _hashes(stats), decode_thumbnails(stats)
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


def copies_across_labels(stats: Sequence[ImageStats], classes: Ids) -> Pairs:
    """Find pictures that are under two labels, perhaps resized or re-encoded.

    Args:
        stats: Measurements of N photos.
        classes: (N,) int64, class of each.

    Returns:
        The pairs, of different classes.

    Raises:
        ShapeError: ``classes`` are not of N photos.
    """
    _check_rows("classes", classes, (len(stats),))
    thumbs, found = decode_thumbnails(stats), []
    for first, second in near_hashes(_hashes(stats), _SAME_HASH_LIMIT, unlike=classes):
        found.append(_compared(first, second, thumbs, _SAME))
    return _nearest(_joined(found))


def find_leaks(pairs: Pairs, splits: Sequence[SplitName | None]) -> Leaks:
    """Count the test photos with a near-copy in training.

    Args:
        pairs: Near-duplicates.
        splits: Split of each of N photos.

    Returns:
        The count, and the nearest training photo of each of them.
    """
    split = np.array([name or "" for name in splits], dtype=np.str_)
    photos = int((split == "test").sum())
    forward = (split[pairs.first] == "test") & (split[pairs.second] == "train")
    back = (split[pairs.second] == "test") & (split[pairs.first] == "train")
    tested = np.concatenate([pairs.first[forward], pairs.second[back]])
    trained = np.concatenate([pairs.second[forward], pairs.first[back]])
    distance = np.concatenate([pairs.distance[forward], pairs.distance[back]])
    order = np.lexsort((trained, tested, distance))
    nearest = order[np.sort(np.unique(tested[order], return_index=True)[1])]
    worst = tuple((int(tested[k]), int(trained[k]), float(distance[k])) for k in nearest)
    return Leaks(photos, len(worst), worst)


def _hashes(stats: Sequence[ImageStats]) -> NDArray[np.uint64]:
    return np.array([one.phash for one in stats], dtype=np.uint64)


def _rows_by_class(classes: Ids) -> list[Ids]:
    order = np.argsort(classes, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(classes[order])) + 1)


def _compared(first: Ids, second: Ids, thumbs: NDArray[np.uint8], within: float) -> Pairs:
    distance = thumbnail_distance(thumbs[first], thumbs[second], min(within, NEAR))
    return Pairs(first, second, distance).where(distance <= within)


def _mutual(pairs: Pairs) -> NDArray[np.bool_]:
    """Return whether each photo of a pair is among the nearest of the other: (P,) bool."""
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
        remedy = "pass one row per photo, in the order of the stats"
        raise ShapeError(f"{name} of shape {array.shape}", f"({wanted})", remedy)
