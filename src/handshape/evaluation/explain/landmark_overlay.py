"""Draw detected hand landmarks onto photos."""

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from handshape.models.hand.hand_finder import PREPROCESSING, HandFinder

# From the wrist along each finger, and across the palm.
_LINES = (*((0, *range(root, root + 4)) for root in (1, 5, 9, 13, 17)), (5, 9, 13, 17))
_BONE, _EDGE, _JOINT = (255, 214, 0), (0, 0, 0), (255, 255, 255)
# The photo is dimmed, so that the lines are visible on any background.
_DIM = 0.55


def draw_landmarks(finder: HandFinder, pixels: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Detect hand landmarks and draw them onto photos.

    Args:
        finder: Detects them.
        pixels: (N, S, S, 3) uint8, RGB.

    Returns:
        N images, (S, S, 3) uint8, RGB, dimmed; without lines where no hand was found.
    """
    with torch.inference_mode():
        images = PREPROCESSING.normalise(torch.from_numpy(np.ascontiguousarray(pixels)))
        hands = finder.find(images.to(next(finder.parameters()).device))
    points, found = hands.points.cpu().numpy(), hands.found.cpu().numpy()
    return [_drawn(*one) for one in zip(pixels, points, found, strict=True)]


def _drawn(pixels: NDArray[np.uint8], points: NDArray[np.float32], found: bool) -> NDArray[np.uint8]:
    picture = Image.fromarray((pixels * _DIM).astype(np.uint8))
    if not found:
        return np.array(picture)
    draw, side = ImageDraw.Draw(picture), pixels.shape[0]
    places = [(float(x) * side, float(y) * side) for x, y, _ in points]
    width = max(1, round(side / 75))
    for colour, more in ((_EDGE, 2), (_BONE, 0)):
        for line in _LINES:
            draw.line([places[point] for point in line], fill=colour, width=width + more, joint="curve")
    for x, y in places:
        draw.ellipse((x - width, y - width, x + width, y + width), fill=_JOINT, outline=_EDGE)
    return np.array(picture)
