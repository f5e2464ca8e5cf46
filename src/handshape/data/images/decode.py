"""The one decoder and the one preprocessing of all images."""

import io
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

if TYPE_CHECKING:
    from torch import Tensor  # so that predictions need not wait for torch

from handshape.data.images.formats import image_formats, is_heic
from handshape.errors import ImageError, ImageFormatError, ImageSizeError, ShapeError

DECODER = "2"
"""Version of what decoding gives and refuses."""
MAX_PIXELS = 50_000_000
# Pixels along each side; nothing can be seen in less, and decoders fail at more.
MIN_SIDE, _LONGEST = 8, 32_768
# Scans of a JPEG: a progressive one has about ten, and each passes over all pixels.
_SCANS, _SCANNED_PIXELS = 100, 1_000_000_000
_EXIF_ORIENTATION = 0x0112
_ROWS = 256
RESIZED = "Pillow, rows first"
"""How images are resized; what was made in another way is cached apart."""


@dataclass(frozen=True)
class Preprocessing:
    """Resizes and normalises images for a network.

    The whole image is resized to a square, so that no finger is cut off, with Pillow's antialiased
    bilinear filter: integer arithmetic that gives the same result on every processor.

    Args:
        size: Height and width in pixels.
        mean: Subtracted per channel (RGB) after scaling to [0, 1].
        std: Divided by per channel after that.

    Examples:
        >>> preprocessing = handshape.Preprocessing(size=96, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
        >>> image = handshape.read_folder("photos")[0].pixels()
        >>> image.shape, preprocessing.prepare(image).shape
        ((64, 64, 3), (96, 96, 3))
    """

    size: int = 224
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def prepare(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Resize one decoded image.

        Args:
            pixels: (H, W, 3) uint8, RGB.

        Returns:
            (size, size, 3) uint8, RGB.

        Raises:
            ShapeError: ``pixels`` is not an RGB image of uint8.
        """
        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
            raise ShapeError(
                f"an image of shape {pixels.shape} and type {pixels.dtype}",
                "(H, W, 3) uint8 in RGB order",
                "convert it first",
            )
        if pixels.shape[:2] == (self.size, self.size):
            return pixels
        resized = Image.fromarray(pixels)
        # Along rows first: rounding shows the order, and versions of Pillow choose it by the size.
        for size in ((self.size, resized.height), (self.size, self.size)):
            resized = resized.resize(size, Image.Resampling.BILINEAR)
        return np.asarray(resized)

    def normalise(self, batch: "Tensor") -> "Tensor":
        """Scale prepared images to [0, 1] and standardise their channels.

        Args:
            batch: (N, H, W, 3) uint8, RGB.

        Returns:
            (N, 3, H, W) float32 in channels-last memory, which is the fast layout for convolutions.
        """
        import torch

        count, height, width, channels = batch.shape
        mean = torch.tensor(self.mean, device=batch.device) * 255
        scale = 1 / (torch.tensor(self.std, device=batch.device) * 255)
        # Whole rows of pixels, which processors compute faster than three channels at a time.
        mean, scale = mean.repeat(width), scale.repeat(width)
        pixels = batch.reshape(count, height, width * channels)
        rows = torch.empty(pixels.shape, device=batch.device)
        # On a CPU image by image, so that the data stays in the processor's cache; an exported graph is not.
        alone = batch.device.type == "cpu" and not torch.compiler.is_compiling()
        for some, into in zip(pixels, rows, strict=True) if alone else [(pixels, rows)]:
            into.copy_(some).sub_(mean).mul_(scale)
        return rows.reshape(batch.shape).permute(0, 3, 1, 2)


def read_image(path: Path) -> NDArray[np.uint8]:
    """Read an image file.

    Args:
        path: The file.

    Returns:
        (H, W, 3) uint8, RGB, with EXIF orientation applied.

    Raises:
        ImageError: The file is missing, damaged, too large or too small.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImageError(
            f"cannot read {str(path)!r} ({error.strerror})", "an image file", "check it"
        ) from error
    try:
        return decode_image(data)[0]
    except ImageError as error:
        raise ImageError(f"{str(path)!r}: {error.wrong}", error.expected, error.remedy) from error


def decode_image(data: bytes, *, formats: tuple[str, ...] | None = None) -> tuple[NDArray[np.uint8], str]:
    """Decode the bytes of an image file.

    EXIF orientation is applied, transparent pixels become white, 16-bit grey is scaled to 8 bits, and of an
    animation the first frame is used. Sides and scans are counted before anything is decoded.

    Args:
        data: Content of an image file.
        formats: Pillow's names of the accepted formats; by default those of `image_formats`.

    Returns:
        (H, W, 3) uint8 in RGB order, and the Pillow mode of the file.

    Raises:
        ImageFormatError: The bytes are not an image of these formats.
        ImageSizeError: The image has more than 50 megapixels, or a side of fewer than 8 pixels.
        ImageError: The image is damaged, or would take very long to decode.
    """
    if not data:
        raise ImageError("the file is empty", "an image", "replace it")
    accepted = formats or image_formats()
    try:
        with Image.open(io.BytesIO(data), formats=accepted) as image:
            _check_size(*image.size)
            _check_scans(data, image.width * image.height)
            mode = image.mode
            upright = image.getexif().get(_EXIF_ORIENTATION, 1) == 1
            if image.format == "JPEG" and mode == "RGB" and upright:
                # The same pixels as Pillow's (tested), in less time.
                return simplejpeg.decode_jpeg(data), mode
            ImageOps.exif_transpose(image, in_place=True)
            return pixels_of(image), mode
    except ImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        size = _stated_size(data, accepted)
        raise ImageSizeError(f"too large ({size})", _AT_MOST, "make it smaller") from error
    except UnidentifiedImageError as error:
        raise _format_error(data, formats) from error
    except Exception as error:  # decoders raise many kinds of errors for damaged files
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(f"damaged ({reason})", "an undamaged image", "replace the file") from error


_AT_MOST = f"at most {MAX_PIXELS // 1_000_000} megapixels and {_LONGEST} pixels along a side"


def _check_size(width: int, height: int) -> None:
    size = f"{width} x {height} pixels"
    if min(width, height) < MIN_SIDE:
        raise ImageSizeError(f"too small ({size})", f"at least {MIN_SIDE} pixels along a side", "replace it")
    if width * height > MAX_PIXELS or max(width, height) > _LONGEST:
        raise ImageSizeError(f"too large ({size})", _AT_MOST, "make it smaller")


def _check_scans(data: bytes, pixels: int) -> None:
    scans = data.count(b"\xff\xda") if data.startswith(b"\xff\xd8") else 0
    if scans > _SCANS or scans * pixels > _SCANNED_PIXELS:
        raise ImageError(f"a JPEG of {scans} scans", "about ten", "save the photo again")


def _stated_size(data: bytes, formats: tuple[str, ...]) -> str:
    """Return the size by the header of an image that Pillow refuses to open for its size, if it says one."""
    for name in formats:
        factory, accept = Image.OPEN[name]
        # Some readers refuse it as well, or find that it is damaged.
        with suppress(Exception):
            if accept is not None and accept(data[:16]) is True:
                with factory(io.BytesIO(data), "") as image:
                    return f"{image.width} x {image.height} pixels"
    return "too many pixels"


def _format_error(data: bytes, formats: tuple[str, ...] | None) -> ImageFormatError:
    if is_heic(data) and "HEIF" not in image_formats():
        remedy = "`pip install handshape[heic]`, or save it as JPEG"
        return ImageFormatError("a HEIC photo, which needs the extra heic", "JPEG, PNG or the like", remedy)
    expected = f"an image ({', '.join(formats or image_formats())})"
    wrong = "a damaged HEIC photo" if is_heic(data) else "not an image, or of an unknown format"
    return ImageFormatError(wrong, expected, "replace the file")


def pixels_of(image: Image.Image) -> NDArray[np.uint8]:
    """Return an opened image as (H, W, 3) uint8 in RGB order, with EXIF orientation applied."""
    if image.getexif().get(_EXIF_ORIENTATION, 1) != 1:
        image = ImageOps.exif_transpose(image)
    if image.mode.startswith(("I", "F")):
        return np.repeat(_grey(image)[..., None], 3, axis=2)
    # Piece by piece: as a whole, a large image would be in memory several times.
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for top in range(0, image.height, _ROWS):
        bottom = min(top + _ROWS, image.height)
        pixels[top:bottom] = np.asarray(_to_rgb(image.crop((0, top, image.width, bottom))))
    return pixels


def _grey(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode.startswith("I;16"):
        return _from_16_bits(np.asarray(image, dtype=np.uint16))
    return _to_8_bits(np.asarray(image, dtype=np.float64))


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        opaque = image.convert("RGBA")
        white = Image.new("RGBA", opaque.size, "white")
        return Image.alpha_composite(white, opaque).convert("RGB")
    return image.convert("RGB")


def _from_16_bits(grey: NDArray[np.uint16]) -> NDArray[np.uint8]:
    # Cameras store 10, 12 or 14 bits in 16: by the largest value, so that photos of one camera stay alike.
    bits = max(8, int(grey.max(initial=0)).bit_length())
    return (grey >> (bits + bits % 2 - 8)).astype(np.uint8)


def _to_8_bits(grey: NDArray[np.float64]) -> NDArray[np.uint8]:
    # These modes have no defined range, so the largest value tells fractions, bytes and 16-bit values apart.
    grey = np.nan_to_num(grey)
    top = float(grey.max(initial=0.0))
    scale = 255.0 if top <= 1.0 else 1.0 if top <= 255.0 else 255.0 / 65535.0
    return np.clip(np.rint(grey * scale), 0, 255).astype(np.uint8)
