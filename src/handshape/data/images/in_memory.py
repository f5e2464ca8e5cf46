"""Images that a program passes: paths, Pillow images or arrays."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handshape.data.images.decode import pixels_of, read_image
from handshape.errors import ShapeError

ImageLike = str | Path | Image.Image | NDArray[np.uint8]
_EXPECTED = "a path, a Pillow image, or an (H, W, 3) uint8 array"


def to_pixels(image: ImageLike) -> NDArray[np.uint8]:
    """Return one image as pixels.

    Args:
        image: A path, a Pillow image, or an (H, W, 3) uint8 array in RGB order.

    Returns:
        (H, W, 3) uint8, RGB; an array as it is.

    Raises:
        ImageError: The file cannot be read.
        ShapeError: It is none of these types.
    """
    if isinstance(image, str | Path):
        return read_image(Path(image))
    if isinstance(image, Image.Image):
        return pixels_of(image)
    if not isinstance(image, np.ndarray):
        raise ShapeError(f"an image of type {type(image).__name__!r}", _EXPECTED, "convert it first")
    return image


def to_images(images: Any) -> list[ImageLike]:
    """Return many images as a list.

    Args:
        images: N paths, Pillow images or arrays, in a list or any other sequence; or one (N, H, W, 3) array.

    Returns:
        The N images, not decoded yet.

    Raises:
        ShapeError: It is a single image, empty, or contains something else.
    """
    if isinstance(images, str | Path | Image.Image) or not isinstance(images, Iterable):
        raise ShapeError(
            f"images of type {type(images).__name__!r}", "a list of N images", "put it into a list"
        )
    if isinstance(images, np.ndarray) and images.dtype.kind not in "UO" and images.ndim != 4:
        raise ShapeError(
            f"images of shape {images.shape} and type {images.dtype}",
            "(N, H, W, 3) uint8, or N paths or images of any size",
            "reshape your data: there must be N images, not N rows of features",
        )
    found = list(images)
    if not found:
        raise ShapeError("0 images", "at least one", "check the list")
    for image in found:
        if not isinstance(image, str | Path | Image.Image | np.ndarray):
            raise ShapeError(f"an image of type {type(image).__name__!r}", _EXPECTED, "convert it first")
    return found
