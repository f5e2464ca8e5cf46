"""Find photos with the same plain background, or of the same place."""

import numpy as np
from numpy.typing import NDArray

from handshape.data.images.image_stats import background_cells

# Largest difference of a plain background's cells from their median, in grey levels of the worst channel.
_CLOSE = 24.0
_PLAIN_CELLS = 0.6
# Least correlation between the background cells of two photos of one place.
_ALIKE = 0.6
_STARTS, _ROUNDS = 16, 3


def plain_background(thumbs: NDArray[np.uint8]) -> tuple[NDArray[np.bool_], tuple[int, int, int]]:
    """Find photos with a plain background of the data set's most common colour.

    Args:
        thumbs: (N, 12, 12, 3) uint8, RGB, N at least 1.

    Returns:
        (N,) bool, and that colour.
    """
    cells = background_cells(thumbs).astype(np.float32)
    own = np.median(cells, axis=1)
    usual = np.median(own, axis=0)
    flat = (np.abs(cells - own[:, None]).max(axis=2) <= _CLOSE).mean(axis=1) >= _PLAIN_CELLS
    red, green, blue = usual.round().astype(int).tolist()
    return flat & (np.abs(own - usual).max(axis=1) <= _CLOSE), (red, green, blue)


def same_place_photos(thumbs: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Find the largest set of photos whose backgrounds look alike, whatever their brightness.

    Args:
        thumbs: (N, 12, 12, 3) uint8, RGB, N at least 1.

    Returns:
        (N,) bool.
    """
    cells = background_cells(thumbs).astype(np.float32).reshape(len(thumbs), -1)
    cells -= cells.mean(axis=1, keepdims=True)
    cells /= np.maximum(np.linalg.norm(cells, axis=1, keepdims=True), 1e-6)
    starts = cells[np.linspace(0, len(cells) - 1, _STARTS).astype(np.int64)]
    alike: NDArray[np.bool_] = max((cells @ start >= _ALIKE for start in starts), key=np.count_nonzero)
    for _ in range(_ROUNDS):
        if not alike.any():
            break
        middle = cells[alike].mean(axis=0)
        alike = cells @ (middle / max(float(np.linalg.norm(middle)), 1e-6)) >= _ALIKE
    return alike
