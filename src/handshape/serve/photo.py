"""Decode photos from strangers: only the usual formats, and none that takes long."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handshape.data.images.decode import decode_image

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
_LARGE = 10_000_000  # pixels


def decode_photo(data: bytes) -> NDArray[np.uint8]:
    """Decode a photo that was sent.

    Pillow opens dozens of formats, some of them by starting other programs; only a browser's are accepted.

    Args:
        data: Content of an image file.

    Returns:
        (H, W, 3) uint8, RGB, turned upright.

    Raises:
        ImageFormatError: The bytes are no JPEG, PNG, WebP, GIF or BMP.
        ImageSizeError: The image has more than 50 megapixels.
        ImageError: The image is damaged, or takes very long to decode.
    """
    return decode_image(data, formats=FORMATS)[0]


def is_large(data: bytes) -> bool:
    """Return whether a photo takes so much time and memory that others should not wait for it."""
    return _pixels_by_header(data) > _LARGE


def _pixels_by_header(data: bytes) -> int:
    """Return the pixels by the file's header, without decoding; 0 if it is no image."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            return image.width * image.height
    except Exception:  # decode_image gives the reason
        return 0
