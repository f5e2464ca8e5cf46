"""Distance between photos in the features of a frozen backbone."""

import numpy as np
from numpy.typing import NDArray

from handshape.data.sample import Ids

# Pairs drawn to estimate the typical distance.
_DRAWN = 4_000
_AT_ONCE = 256


def typical_distance(features: NDArray[np.floating], classes: Ids) -> float:
    """Return the median cosine distance of two photos of one label, over pairs drawn with a fixed seed.

    Args:
        features: (N, D) floating.
        classes: (N,) int64.

    Returns:
        The distance, in [0, 2]; 0 if no label has two photos.
    """
    rng = np.random.default_rng(0)
    order = np.argsort(classes, kind="stable")
    ordered = classes[order]
    starts, ends = np.searchsorted(ordered, ordered), np.searchsorted(ordered, ordered, side="right")
    one = rng.integers(len(order), size=_DRAWN)
    other = rng.integers(starts[one], ends[one])
    one, other = order[one[one != other]], order[other[one != other]]
    return float(np.median(cosine_distance(features, one, other))) if len(one) else 0.0


def cosine_distance(features: NDArray[np.floating], first: Ids, second: Ids) -> NDArray[np.float32]:
    """Return 1 - cosine between rows of features.

    Args:
        features: (N, D) floating.
        first: (P,) int64.
        second: (P,) int64.

    Returns:
        (P,) float32 in [0, 2].
    """
    parts = [np.empty(0, dtype=np.float32)]
    for start in range(0, len(first), _AT_ONCE):
        a, b = (features[ids[start : start + _AT_ONCE]].astype(np.float32) for ids in (first, second))
        lengths = np.sqrt(np.square(a).sum(axis=1) * np.square(b).sum(axis=1))
        parts.append(1 - (a * b).sum(axis=1) / np.maximum(lengths, 1e-12))
    return np.concatenate(parts)
