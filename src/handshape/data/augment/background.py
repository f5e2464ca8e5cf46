"""Other backgrounds: noise, gradients, generated rooms, or photos of rooms."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from handshape.data.augment.mask import find_hand
from handshape.data.augment.rooms import load_rooms
from handshape.synthetic.scene import make_background

# Pixels by which an outline is drawn in, and how soft it becomes: its own pixels are half background.
_DRAWN_IN, _SOFT = 1, 0.8


def cut_out(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return how much of each pixel is kept when a photo gets another background.

    Args:
        pixels: (H, W, 3) uint8, RGB.

    Returns:
        (H, W) float32 in [0, 1]: 1 on the hand, and everywhere where no hand can be cut out with trust.
    """
    hand = find_hand(pixels)
    if not hand.trusted:
        return np.ones(pixels.shape[:2], dtype=np.float32)
    inner = ndimage.binary_erosion(hand.mask, iterations=_DRAWN_IN, border_value=1)
    soft: NDArray[np.float32] = ndimage.gaussian_filter(inner.astype(np.float32), _SOFT, mode="nearest")
    return soft


def make_backgrounds(
    size: int, chances: Sequence[np.random.Generator], rooms: str = "", digest: str = ""
) -> NDArray[np.uint8]:
    """Make a background for each photo.

    Args:
        size: Height and width, pixels.
        chances: One source of chance for each photo.
        rooms: Folder of photos of rooms, to be used instead of generated ones.
        digest: Stands for their content.

    Returns:
        (B, size, size, 3) uint8, RGB.
    """
    return np.stack([_one(size, rng, rooms, digest) for rng in chances])


def _one(size: int, rng: np.random.Generator, rooms: str, digest: str) -> NDArray[np.uint8]:
    kind = rng.random()
    if kind < 0.1:
        return _noise(size, rng)
    if kind < 0.25:
        return _gradient(size, rng)
    if rooms:
        return _crop(load_rooms(rooms, digest), size, rng)
    return make_background("room" if kind < 0.85 else "outdoor", size, rng)


def _noise(size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Make patches of random colours, of a random size."""
    cells = int(rng.choice([4, 8, 16, 56, size]))
    small = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
    return np.array(small.resize((size, size), Image.Resampling.BILINEAR))


def _gradient(size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Make a passage between four colours in the corners."""
    corners = Image.fromarray(rng.integers(0, 256, (2, 2, 3), dtype=np.uint8))
    return np.array(corners.resize((size, size), Image.Resampling.BILINEAR))


def _crop(rooms: NDArray[np.uint8], size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Take a random square of a random photo; a room may be seen from either side."""
    room = rooms[int(rng.integers(len(rooms)))]
    side = int(rng.integers(len(room) // 2, len(room) + 1))
    left, top = (int(place) for place in rng.integers(0, len(room) - side + 1, 2))
    square = Image.fromarray(room[top : top + side, left : left + side])
    found = np.array(square.resize((size, size), Image.Resampling.BILINEAR))
    return found[:, ::-1].copy() if rng.random() < 0.5 else found
