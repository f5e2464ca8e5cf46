"""Measurements of an image: size, light, sharpness, border, background, perceptual hash."""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handshape.data.images.border import SMEAR, Border, find_border
from handshape.errors import ShapeError

# Cells along each side of a thumbnail. Its outermost ring of cells is a twelfth of the image wide.
CELLS = 12
# Larger photos are averaged down first, which is much faster and changes few bits of the hash.
_LONG_SIDE = 1024
# Light and sharpness are measured at about the size that networks take.
_JUDGED_SIDE = 256
_NEAR_BLACK, _NEAR_WHITE = 8, 247
_POWERS = 1 << np.arange(63, -1, -1, dtype=np.uint64)


@dataclass(frozen=True, slots=True)
class ImageStats:
    """Measurements of one image; every field is a plain number or text.

    Args:
        width: In pixels, after EXIF orientation.
        height: In pixels, after EXIF orientation.
        mode: Pillow's mode of the file, such as ``RGB`` or ``L``.
        phash: Perceptual hash, 64 bits.
        thumbnail: 12 x 12 RGB averages of the image inside its border, as base64.
        brightness: Mean grey level in [0, 255]; it and what follows are measured inside the border.
        dark_share: Share of pixels that are nearly black, in [0, 1].
        bright_share: Share of pixels that are nearly white, in [0, 1].
        highlights: Grey level in [0, 255] that 99 % of the pixels do not exceed.
        contrast: Standard deviation of the grey level, in [0, 128].
        sharpness: 1 for sharp edges, towards 0.5 for blurred ones, above 1 for fine texture; 0 for no edges.
        border_top: Width of a border of one colour in pixels; 0 for none.
        border_right: The same on the right.
        border_bottom: The same at the bottom.
        border_left: The same on the left.
        border_colour: Colour of the border as ``#rrggbb``; empty for none.
        background_red: Median along top, left and right edge, in [0, 255].
        background_green: The same in green.
        background_blue: The same in blue.
        background_texture: Mean difference between neighbouring grey pixels there, in [0, 255].
    """

    width: int
    height: int
    mode: str
    phash: int
    thumbnail: str
    brightness: float
    dark_share: float
    bright_share: float
    highlights: float
    contrast: float
    sharpness: float
    border_top: int
    border_right: int
    border_bottom: int
    border_left: int
    border_colour: str
    background_red: int
    background_green: int
    background_blue: int
    background_texture: float

    @property
    def border(self) -> tuple[int, int, int, int]:
        """Width of the border at the top, right, bottom and left in pixels."""
        return self.border_top, self.border_right, self.border_bottom, self.border_left


def image_stats(pixels: NDArray[np.uint8], mode: str) -> ImageStats:
    """Measure one decoded image.

    Args:
        pixels: (H, W, 3) uint8, RGB, after EXIF orientation.
        mode: Pillow's mode of the file it came from.

    Raises:
        ShapeError: ``pixels`` is not an RGB image of uint8, or has no pixels.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or pixels.size == 0:
        raise ShapeError(
            f"an image of shape {pixels.shape} and type {pixels.dtype}",
            "(H, W, 3) uint8 in RGB order",
            "decode it with handshape.data.images.decode",
        )
    height, width = pixels.shape[:2]
    border = find_border(pixels)
    image = Image.fromarray(pixels)
    factor = max(1, max(width, height) // _LONG_SIDE)
    small = image if factor == 1 else image.reduce(factor)
    box = _inside(small.size, border, factor)
    thumbnail = _thumbnail(small, box)
    grey = small.convert("L")
    inner = grey.crop((ceil(box[0]), ceil(box[1]), floor(box[2]), floor(box[3])))
    red, green, blue = np.median(background_cells(thumbnail), axis=0).round().astype(int).tolist()
    judged = inner.reduce(-(-max(inner.size) // _JUDGED_SIDE))
    levels = np.asarray(judged)
    return ImageStats(
        width=width,
        height=height,
        mode=mode,
        phash=_perceptual_hash(grey),
        thumbnail=b64encode(thumbnail.tobytes()).decode("ascii"),
        **_light(judged.histogram()),
        sharpness=_sharpness(levels),
        border_top=border.top,
        border_right=border.right,
        border_bottom=border.bottom,
        border_left=border.left,
        border_colour=border.colour,
        background_red=red,
        background_green=green,
        background_blue=blue,
        background_texture=_texture(levels),
    )


def decode_thumbnails(stats: Sequence[ImageStats]) -> NDArray[np.uint8]:
    """Return the thumbnails of N images: (N, 12, 12, 3) uint8, RGB."""
    data = b"".join(b64decode(one.thumbnail) for one in stats)
    return np.frombuffer(data, dtype=np.uint8).reshape(len(stats), CELLS, CELLS, 3)


def background_cells(thumbnail: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the cells where a hand is least likely: the top row and the upper three quarters of both edges.

    Args:
        thumbnail: (..., 12, 12, 3) uint8, RGB.

    Returns:
        (..., 28, 3) uint8. The bottom is left out, because arms are there.
    """
    sides = slice(1, CELLS * 3 // 4)
    cells = (thumbnail[..., 0, :, :], thumbnail[..., sides, 0, :], thumbnail[..., sides, -1, :])
    return np.concatenate(cells, axis=-2)


def _inside(size: tuple[int, int], border: Border, factor: int) -> tuple[float, float, float, float]:
    """Return the box within the border and the lines that JPEG mixes with it."""
    top, right, bottom, left = ((side + SMEAR) / factor if side else 0 for side in border.widths)
    box = (left, top, size[0] - right, size[1] - bottom)
    return box if min(box[2] - box[0], box[3] - box[1]) >= 2 else (0, 0, *size)


def _thumbnail(image: Image.Image, box: tuple[float, float, float, float]) -> NDArray[np.uint8]:
    size = (CELLS, CELLS)
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR, box=box, reducing_gap=3.0))


def _perceptual_hash(grey: Image.Image) -> int:
    """Return `imagehash.phash` as one number.

    Source: https://www.hackerfactor.com/blog/index.php?/archives/432-Looks-Like-It.html
    """
    return int(np.dot(imagehash.phash(grey).hash.ravel().astype(np.uint64), _POWERS))


def _light(histogram: list[int]) -> dict[str, float]:
    counts = np.array(histogram, dtype=np.float64)
    share = counts / counts.sum()
    grey = np.arange(256)
    mean = float(share @ grey)
    return {
        "brightness": mean,
        "dark_share": float(share[: _NEAR_BLACK + 1].sum()),
        "bright_share": float(share[_NEAR_WHITE:].sum()),
        "highlights": float(np.searchsorted(share.cumsum(), 0.99)),
        "contrast": float(share @ (grey - mean) ** 2) ** 0.5,
    }


def _sharpness(levels: NDArray[np.uint8]) -> float:
    """Compare the energy of steps between pixels with that of steps between means of 2 x 2 pixels.

    A sharp edge has the same step at both sizes. A blurred edge has twice as many steps of half the height at
    the finer size, so half the energy.
    """
    height, width = (side // 2 * 2 for side in levels.shape)
    if min(height, width) < 4:
        return 0.0
    fine = levels[:height, :width].astype(np.float32)
    coarse = (fine[::2, ::2] + fine[1::2, ::2] + fine[::2, 1::2] + fine[1::2, 1::2]) / 4
    energy = [
        float((step * step).sum()) for x in (fine, coarse) for step in (x[1:] - x[:-1], x[:, 1:] - x[:, :-1])
    ]
    # The fine image has twice as many lines, each with the same edges.
    return (energy[0] + energy[1]) / 2 / (energy[2] + energy[3]) if energy[2] + energy[3] else 0.0


def _texture(levels: NDArray[np.uint8]) -> float:
    height, width = levels.shape
    ring = max(2, min(height, width) // CELLS)
    upper = height * 3 // 4
    strips = (levels[:ring], levels[:upper, :ring], levels[:upper, -ring:])
    means = [
        np.abs(np.diff(strip.astype(np.int16), axis=1)).mean() for strip in strips if strip.size > len(strip)
    ]
    return float(np.mean(means)) if means else 0.0
