"""Compare photos: perceptual hashes propose pairs, thumbnails confirm them."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from handshape.data.images.image_stats import CELLS
from handshape.data.sample import Ids

# Rows and columns of hashes compared at once: 1 MB, which stays in a processor's cache.
_ROWS, _COLUMNS = 16, 8192
# Nearest hashes kept per photo: in a still scene all photos are near each other.
_PROPOSALS = 128
# Two copies may differ by this factor in light, by this many thumbnail cells in position and by this share in
# size. That covers 10 % of brightness, and 2 % cropped off one edge or all around.
_GAIN, _SHIFT, _ZOOM = 1.12, 0.25, 0.03
# Pairs farther apart than this many times the limit are not fitted: fitting could not bring them near.
_FITTING = 3.0
# Thumbnails compared at once; they fit into the processor's cache.
_AT_ONCE = 64
# Least contrast in grey levels; photos that are nearly flat are compared as if they had it.
_LEAST_CONTRAST = 8.0


def near_hashes(
    hashes: NDArray[np.uint64], limit: int, *, unlike: Ids | None = None
) -> Iterator[tuple[Ids, Ids]]:
    """Find pairs of hashes that differ in few bits, block by block, without holding all pairs.

    Args:
        hashes: (N,) uint64.
        limit: Bits that may differ.
        unlike: (N,) int64; only pairs that differ in it are wanted.

    Yields:
        Indices of the first and of the second of each pair, (P,) int64, first < second; at most 128 for each
        first, the nearest.
    """
    for start in range(0, len(hashes), _ROWS):
        rows = hashes[start : start + _ROWS, None]
        found: list[tuple[Ids, Ids, NDArray[np.uint8]]] = []
        for left in range(start, len(hashes), _COLUMNS):
            bits = np.bitwise_count(rows ^ hashes[None, left : left + _COLUMNS])
            near = bits <= limit
            if near.any():
                row, column = near.nonzero()
                found.append((row + start, column + left, bits[row, column]))
        first, second, bits = (np.concatenate(parts) for parts in zip(*found, strict=True))
        wanted = first < second
        if unlike is not None:
            wanted &= unlike[first] != unlike[second]
        first, second, bits = first[wanted], second[wanted], bits[wanted]
        kept = nearest_of_each(first, bits, _PROPOSALS)
        if len(kept):
            yield first[kept], second[kept]


def nearest_of_each(first: Ids, distance: NDArray[np.generic], most: int) -> Ids:
    """Return which of P pairs are among the ``most`` nearest of their first photo, in ascending order."""
    order = np.lexsort((distance, first))
    ordered = first[order]
    rank = np.arange(len(order)) - np.searchsorted(ordered, ordered)
    return np.sort(order[rank < most])


def thumbnail_distance(
    one: NDArray[np.uint8], other: NDArray[np.uint8], within: float
) -> NDArray[np.float32]:
    """Compare P pairs of thumbnails, allowing for small changes of light, position and size.

    Args:
        one: (P, 12, 12, 3) uint8, RGB.
        other: The same.
        within: Limit of interest; position and size are fitted only where that can bring a pair below it.

    Returns:
        (P,) float32, mean absolute difference in units of contrast (standard deviation): 0 for equal photos,
        about 1 for unrelated ones.
    """
    parts = [np.empty(0, dtype=np.float32)]
    for start in range(0, len(one), _AT_ONCE):
        a, b = (x[start : start + _AT_ONCE].astype(np.float32) for x in (one, other))
        contrast = (_flat(a).std(axis=1) + _flat(b).std(axis=1)) / 2
        contrast = np.maximum(contrast, _LEAST_CONTRAST)
        gain = (np.square(_flat(a)).sum(axis=1) + 1) / (np.square(_flat(b)).sum(axis=1) + 1)
        gain = np.clip(gain**0.5, 1 / _GAIN, _GAIN)[:, None, None, None] ** 0.5
        a, b = a / gain, b * gain
        distance = np.abs(_flat(a - b)).mean(axis=1) / contrast
        fit = (distance > within) & (distance <= _FITTING * within)
        distance[fit] = np.minimum(distance[fit], _rest(a[fit], b[fit]) / contrast[fit])
        parts.append(distance)
    return np.concatenate(parts)


def _rest(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean difference after the best small shift and zoom, fitted by bounded least squares."""
    difference, changes = _flat(a - b)[..., None], _changes(0.5 * (a + b))  # (P, 432, 1), (P, 432, 3)
    turned = changes.swapaxes(1, 2)
    # The small diagonal keeps the equations of a flat photo solvable.
    fitted = np.linalg.solve(turned @ changes + np.eye(3, dtype=np.float32) * 1e-3, turned @ difference)
    bounds = np.array([_SHIFT, _SHIFT, _ZOOM], dtype=np.float32)[:, None]
    rest = difference - changes @ np.clip(fitted, -bounds, bounds)
    left: NDArray[np.float32] = np.abs(rest).mean(axis=(1, 2))
    return left


def _flat(x: NDArray[np.float32]) -> NDArray[np.float32]:
    return x.reshape(len(x), CELLS * CELLS * 3)


def _changes(mean: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how each value changes per cell of shift in x and y and per unit of zoom: (P, 432, 3)."""
    across, down = np.gradient(mean, axis=2), np.gradient(mean, axis=1)
    place = np.arange(CELLS, dtype=np.float32) - (CELLS - 1) / 2
    zoom = across * place[:, None] + down * place[:, None, None]
    return np.stack([across, down, zoom], axis=-1).reshape(len(mean), CELLS * CELLS * 3, 3)
