"""Parts of photos that the hand does not reach: blocks of the frame, and the arm beyond the wrist."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

CELLS_ACROSS = 28
"""Cells along each side of a photo."""
# Blocks along each side, and the side in pixels at which cells are measured.
_BLOCKS, _SIDE = 7, 224
# Of the hand's longer side: landmarks are in the middle of fingers, and shadows fall beside them.
_MARGIN = 0.2
# Where the arm is looked at: in lengths of the palm beyond the wrist, and beside it.
_ALONG, _ACROSS = (0.25, 0.4, 0.55), (-0.25, 0.0, 0.25)
_WRIST, _KNUCKLE = 0, 9  # of the hand's 21 landmarks


def _arm_points(hands: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (N, 9, 2) places along the arm of each hand, (N, 21, 2), in shares of width and height."""
    wrist, palm = hands[:, _WRIST], hands[:, _WRIST] - hands[:, _KNUCKLE]
    beside = np.stack([-palm[:, 1], palm[:, 0]], axis=1)
    places = [wrist + along * palm + across * beside for along in _ALONG for across in _ACROSS]
    return np.stack(places, axis=1)


def regions_of(
    photos: NDArray[np.uint8], hands: NDArray[np.float32]
) -> Iterator[tuple[str, tuple[int, int] | None, NDArray[np.float32], NDArray[np.bool_]]]:
    """Yield name, place and rows of each region, and the cells of it that are visible in each photo."""
    low, high = hands.min(axis=1), hands.max(axis=1)
    margin = _MARGIN * (high - low).max(axis=1, keepdims=True)
    edges, each = np.arange(_BLOCKS) / _BLOCKS, CELLS_ACROSS // _BLOCKS
    reached = (edges < (high + margin)[..., None]) & (edges + 1 / _BLOCKS > (low - margin)[..., None])
    cells = np.stack([_cells(one) for one in photos])
    for row in range(_BLOCKS):
        for column in range(_BLOCKS):
            seen = np.zeros((len(photos), CELLS_ACROSS, CELLS_ACROSS), dtype=np.bool_)
            free = ~(reached[:, 1, row] & reached[:, 0, column])
            seen[free, row * each : (row + 1) * each, column * each : (column + 1) * each] = True
            block = cells[:, row * each : (row + 1) * each, column * each : (column + 1) * each]
            yield _words(row, column), (row, column), block.reshape(len(photos), -1), seen
    places = _arm_points(hands)
    inside = np.asarray(((places >= 0) & (places < 1)).all(axis=(1, 2)))
    columns, rows = np.moveaxis((places * CELLS_ACROSS).astype(np.int64).clip(0, CELLS_ACROSS - 1), -1, 0)
    each_photo = np.arange(len(photos))[:, None]
    seen = np.zeros((len(photos), CELLS_ACROSS, CELLS_ACROSS), dtype=np.bool_)
    seen[each_photo, rows, columns] = inside[:, None]
    yield "what is beyond the wrist", None, cells[each_photo, rows, columns].reshape(len(photos), -1), seen


def _words(row: int, column: int) -> str:
    height = "upper" if row < 2 else "lower" if row >= _BLOCKS - 2 else "middle"
    side = "left" if column < 2 else "right" if column >= _BLOCKS - 2 else "centre"
    return f"the {height} {side} of the photo"


def at_side(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a photo, (H, W, 3) uint8, at the size at which its cells are measured."""
    if pixels.shape[:2] == (_SIDE, _SIDE):
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((_SIDE, _SIDE), Image.Resampling.BILINEAR))


def _cells(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return (28, 28, 4) float32 of a photo: mean colour of each cell, and how many edges it has."""
    side = _SIDE // CELLS_ACROSS
    values = np.zeros((_SIDE, _SIDE, 4), dtype=np.float32)
    values[..., :3] = pixels
    grey = values[..., :3].sum(axis=2) / 3
    values[:, 1:, 3] += np.abs(np.diff(grey, axis=1))
    values[1:, :, 3] += np.abs(np.diff(grey, axis=0))
    rows = values.reshape(CELLS_ACROSS, side, -1).sum(axis=1)
    return np.asarray(rows.reshape(CELLS_ACROSS, CELLS_ACROSS, side, 4).sum(axis=2) / side**2)
