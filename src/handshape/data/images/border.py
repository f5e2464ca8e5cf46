"""Find a border of one colour around an image: frames, letterbox bars, marks left by an annotation tool."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Sampled points per line; enough to tell a line of one colour from a line of a photo.
_POINTS = 64
# Largest channel difference within one colour. JPEG changes a one-pixel line by up to 30.
_TOLERANCE = 40
# Least difference between the border and the first line of the photo.
_JUMP = 60
# Share of a line's points that must have the border's colour, and of the next line that must not.
_ALIKE, _UNLIKE = 0.95, 0.7
# Largest share of the height or width; beyond it, the image is a plain surface.
_WIDEST = 0.45
# Lines beside the border that may be a mixture of border and photo, because of JPEG.
SMEAR = 2
_NARROW = 16
# Images with fewer lines have no border.
_SHORTEST = 16


@dataclass(frozen=True, slots=True)
class Border:
    """Width of the border on each side in pixels, and its colour as ``#rrggbb`` (empty for no border)."""

    top: int = 0
    right: int = 0
    bottom: int = 0
    left: int = 0
    colour: str = ""

    @property
    def widths(self) -> tuple[int, int, int, int]:
        """Top, right, bottom and left width in pixels."""
        return self.top, self.right, self.bottom, self.left


def find_border(pixels: NDArray[np.uint8]) -> Border:
    """Find the border of an image.

    A side has a border if its outermost lines have nearly one colour and the photo then begins along the
    whole side. A plain background behind a hand is not a border: there the hand begins in one place only.

    Args:
        pixels: (H, W, 3) uint8, RGB.

    Returns:
        The border; its colour is that of the widest side.
    """
    turned = (pixels, pixels[:, ::-1].swapaxes(0, 1), pixels[::-1], pixels.swapaxes(0, 1))
    found = [_first_lines(view) for view in turned]
    width, colour = max(found, key=lambda side: side[0])
    text = "#{:02x}{:02x}{:02x}".format(*colour) if width else ""
    top, right, bottom, left = (side[0] for side in found)
    return Border(top, right, bottom, left, text)


def _first_lines(lines: NDArray[np.uint8]) -> tuple[int, tuple[int, ...]]:
    """Return how many of the first lines are a border, and its colour."""
    length, across = lines.shape[:2]
    deepest = int(length * _WIDEST)
    points = lines[:, :: max(1, across // _POINTS)]
    colour = np.sort(points[0], axis=0)[points.shape[1] // 2].astype(np.int16)
    if length < _SHORTEST or _unlike(points[:1], colour)[0] > 1 - _ALIKE:
        return 0, ()
    # Most borders are narrow, so a few lines are checked first.
    for depth in (min(_NARROW, deepest), deepest):
        width = int((_unlike(points[:depth], colour) > 1 - _ALIKE).argmax())
        if width:
            within = points[width + SMEAR : width + SMEAR + 1]
            begins = _unlike(within, colour, _JUMP)[0] >= _UNLIKE
            return (width, tuple(colour.tolist())) if begins else (0, ())
    return 0, ()


def _unlike(
    points: NDArray[np.uint8], colour: NDArray[np.int16], tolerance: int = _TOLERANCE
) -> NDArray[np.float64]:
    """Return the share of each line's points that have another colour."""
    away = np.abs(points.astype(np.int16) - colour) > tolerance
    share: NDArray[np.float64] = (away[..., 0] | away[..., 1] | away[..., 2]).mean(axis=1)
    return share
