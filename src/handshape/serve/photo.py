"""Decode photos from strangers: only the usual formats, and none that takes long."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handshape.data.images.decode import decode_image
from handshape.errors import ImageSizeError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
_LARGE = 10_000_000  # pixels
# Of Pillow's decoders, that of WebP takes by far the most memory: 24 bytes a pixel, the others 8.
_LARGE_WEBP, _MOST_WEBP = 3_000_000, 16_000_000


def decode_photo(data: bytes) -> NDArray[np.uint8]:
    """Decode a photo that was sent.

    Pillow opens dozens of formats, some of them by starting other programs; only a browser's are accepted.

    Args:
        data: Content of an image file.

    Returns:
        (H, W, 3) uint8, RGB, turned upright.

    Raises:
        ImageFormatError: The bytes are no JPEG, PNG, WebP, GIF or BMP.
        ImageSizeError: The image has more than 50 megapixels, or as WebP more than 16.
        ImageError: The image is damaged, or takes very long to decode.
    """
    if _is_webp(data):
        width, height = _size_by_header(data)
        if width * height > _MOST_WEBP:
            raise ImageSizeError(
                f"a WebP of {width} x {height} pixels", "at most 16 megapixels", "save it as JPEG"
            )
    return decode_image(data, formats=FORMATS)[0]


def is_large(data: bytes) -> bool:
    """Return whether a photo takes so much time and memory that others should not wait for it."""
    width, height = _size_by_header(data)
    return width * height > (_LARGE_WEBP if _is_webp(data) else _LARGE)


def _is_webp(data: bytes) -> bool:
    return data.startswith(b"RIFF")


def check_side(data: bytes, longest: int) -> None:
    """Refuse a photo by its header, before it is decoded.

    Args:
        data: Content of an image file; what is none is refused when it is decoded.
        longest: Pixels along a side.

    Raises:
        ImageSizeError: A side is longer.
    """
    width, height = _size_by_header(data)
    if max(width, height) > longest:
        raise ImageSizeError(
            f"a photo of {width} x {height} pixels", f"sides of at most {longest}", "make it smaller"
        )


def _size_by_header(data: bytes) -> tuple[int, int]:
    """Return width and height by the file's header, without decoding; 0 if it is no image."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            return image.size
    except Exception:  # decode_image gives the reason
        return 0, 0
