"""Find the hand before a plain background, and say where that cannot be trusted."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

# Width of the ring along the edges in which the background is looked for, as a fraction of the side.
_RING = 0.04
# Of the ring this much must have one colour; the arm crosses the rest.
_PLAIN = 0.7
# A pixel is background within so many deviations of the ring's colour, and within these bounds in grey
# levels: JPEG alone moves a black background by a few, and dark skin before black is not far above them.
_DEVIATIONS, _LEAST, _MOST = 4.0, 7.0, 28.0
# A hand fills this much of the photo, nearly all of it in one piece.
_SMALLEST, _LARGEST, _ONE_PIECE = 0.04, 0.8, 0.93
# Of the outline, this share of neighbours inside must stand out clearly, or the edge was guessed.
_CLEAR = 0.6


@dataclass(frozen=True)
class Hand:
    """What was found in a photo.

    Args:
        mask: (H, W) bool, the hand.
        doubt: Why it cannot be trusted, in a few words; empty where it can.
    """

    mask: NDArray[np.bool_]
    doubt: str

    @property
    def trusted(self) -> bool:
        """Whether the hand may be set before another background."""
        return not self.doubt


def find_hand(pixels: NDArray[np.uint8]) -> Hand:
    """Tell a hand from a plain background by colour.

    What has the background's colour and is joined to the edge of the photo is background; what is enclosed by
    the hand belongs to the hand, so that shadows between fingers and dark skin stay.

    Args:
        pixels: (H, W, 3) uint8, RGB.

    Returns:
        The hand, with a doubt where the background is not plain, the hand is not in one piece, or its outline
        was guessed.
    """
    height, width = pixels.shape[:2]
    wide = max(2, round(_RING * min(height, width)))
    ring = np.ones((height, width), dtype=bool)
    ring[wide:-wide, wide:-wide] = False
    # A frame of a pixel, as annotation tools leave it, is no background.
    ring[[0, -1]] = ring[:, [0, -1]] = False
    edge = pixels[ring].astype(np.float32)
    colour = np.median(edge, axis=0)
    away = np.abs(edge - colour).max(axis=1)
    tolerance = float(np.clip(_DEVIATIONS * 1.4826 * np.median(away), _LEAST, _MOST))
    distance = np.abs(pixels.astype(np.float32) - colour).max(axis=2)
    mask, pieces = _joined(distance > tolerance)
    doubt = ""
    if float((away <= tolerance).mean()) < _PLAIN:
        doubt = "the background is not plain"
    elif not _SMALLEST <= mask.mean() <= _LARGEST:
        doubt = "what stands out has not the size of a hand"
    elif pieces < _ONE_PIECE:
        doubt = "what stands out is not in one piece"
    elif _clear(mask, distance, tolerance) < _CLEAR:
        doubt = "the outline hardly stands out"
    return Hand(mask, doubt)


def _joined(found: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], float]:
    """Fill what is enclosed, keep the largest piece, and return it with its share of all that was found."""
    opened = ndimage.binary_opening(found, iterations=1)
    filled = ndimage.binary_fill_holes(opened)
    labels, count = ndimage.label(filled)
    if count == 0:
        return np.zeros_like(found), 0.0
    sizes = np.bincount(labels.ravel())[1:]
    return labels == 1 + int(sizes.argmax()), float(sizes.max() / sizes.sum())


def _clear(mask: NDArray[np.bool_], distance: NDArray[np.float32], tolerance: float) -> float:
    """Return the share of the outline that lies well above the tolerance a few pixels inside it."""
    inner = ndimage.binary_erosion(mask, iterations=2)
    outline = inner & ~ndimage.binary_erosion(inner, iterations=1)
    return float((distance[outline] > 2 * tolerance).mean()) if outline.any() else 0.0
