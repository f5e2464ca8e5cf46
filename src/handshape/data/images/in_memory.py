"""Images that a program passes: paths, Pillow images, arrays or tensors."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handshape.data.images.decode import pixels_of, read_image
from handshape.data.io.folder import read_unlabelled
from handshape.errors import DataNotFoundError, ShapeError


@runtime_checkable
class TensorLike(Protocol):
    """A tensor of torch, which nobody waits for who passes none."""

    ndim: int

    def detach(self) -> Any:
        """Return the tensor without its history."""


ImageLike = str | Path | Image.Image | NDArray[np.uint8] | TensorLike
"""One image: a path, a Pillow image, an (H, W, 3) uint8 array in RGB order, or a (3, H, W) tensor, uint8 or
floats in [0, 1]."""
_EXPECTED = "a path, a Pillow image, an (H, W, 3) uint8 array, or a (3, H, W) tensor"


def to_pixels(image: ImageLike) -> NDArray[np.uint8]:
    """Return one image as pixels.

    Args:
        image: A path, a Pillow image, an (H, W, 3) uint8 array in RGB order, or a (3, H, W) tensor.

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
    if isinstance(image, TensorLike):
        return _pixels_of_tensor(image)
    if not isinstance(image, np.ndarray):
        raise _no_image(image)
    return image


def to_images(images: Any) -> list[ImageLike]:
    """Return many images as a list.

    Args:
        images: N paths, Pillow images, arrays or tensors, in a list or any other sequence; or one
            (N, H, W, 3) array.

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
        if not (isinstance(image, str | Path | Image.Image | np.ndarray | TensorLike)):
            raise _no_image(image)
    return found


def is_one_image(images: Any) -> bool:
    """Return whether this is one image, and not several or a folder."""
    if isinstance(images, str | Path):
        return not Path(images).is_dir()
    if isinstance(images, np.ndarray) and images.dtype.kind in "UO":
        return False
    if isinstance(images, np.ndarray | TensorLike):
        return bool(images.ndim != 4)
    return isinstance(images, Image.Image) or not isinstance(images, Iterable)


def each_image(images: Any) -> Iterator[ImageLike]:
    """Yield the images of one or many; a folder stands for all photos in it and below.

    Raises:
        DataNotFoundError: There is no photo in a folder.
    """
    single = isinstance(images, str | Path) or is_one_image(images)
    for image in [images] if single else images:
        if isinstance(image, str | Path) and Path(image).is_dir():
            samples = read_unlabelled(image).samples
            if not samples:
                raise DataNotFoundError(f"no photo in {str(image)!r}", "a folder of photos", "check the path")
            yield from (sample.path for sample in samples)
        else:
            yield image


def _pixels_of_tensor(image: Any) -> NDArray[np.uint8]:
    array = image.detach().cpu().numpy()
    if array.ndim != 3 or array.shape[0] != 3 or array.dtype.kind not in "uf":
        shown = f"a tensor of shape {tuple(array.shape)} and type {array.dtype}"
        raise ShapeError(shown, "(3, H, W), uint8 or floats in [0, 1]", "convert it first")
    if array.dtype.kind == "f":
        if array.size and not (array.min() >= 0 and array.max() <= 1):
            low, high = float(array.min()), float(array.max())
            shown = f"a tensor with values from {low:g} to {high:g}"
            raise ShapeError(shown, "floats in [0, 1], not normalised", "undo its normalisation")
        array = (array * 255).round().astype(np.uint8)
    return np.ascontiguousarray(array.transpose(1, 2, 0))


def _no_image(image: Any) -> ShapeError:
    return ShapeError(f"an image of type {type(image).__name__!r}", _EXPECTED, "convert it first")
