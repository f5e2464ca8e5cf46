"""Draw detected hand landmarks onto photos."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from handshape.types import HandLandmarks

# From the wrist along each finger, and across the palm.
_LINES = (*((0, *range(root, root + 4)) for root in (1, 5, 9, 13, 17)), (5, 9, 13, 17))
_BONE, _EDGE, _JOINT = (255, 214, 0), (0, 0, 0), (255, 255, 255)
# The photo is dimmed, so that the lines are visible on any background.
_DIM = 0.55


def draw_landmarks(pixels: NDArray[np.uint8], hand: HandLandmarks) -> NDArray[np.uint8]:
    """Draw the landmarks of a hand onto its photo.

    Args:
        pixels: (H, W, 3) uint8, RGB.
        hand: Its hand.

    Returns:
        (H, W, 3) uint8, RGB, dimmed; without lines where no hand was found.
    """
    picture = Image.fromarray((pixels * _DIM).astype(np.uint8))
    if not hand.found:
        return np.array(picture)
    draw, longer = ImageDraw.Draw(picture), max(picture.size)
    places = [(float(x) * longer, float(y) * longer) for x, y, _ in hand.points]
    width = max(1, round(longer / 75))
    for colour, more in ((_EDGE, 2), (_BONE, 0)):
        for line in _LINES:
            draw.line([places[point] for point in line], fill=colour, width=width + more, joint="curve")
    for x, y in places:
        draw.ellipse((x - width, y - width, x + width, y + width), fill=_JOINT, outline=_EDGE)
    return np.array(picture)
