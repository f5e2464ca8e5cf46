"""Photos from strangers: only the usual formats, and none that takes long to decode."""

import threading

import numpy as np
from numpy.typing import NDArray

from handshape.data.image import decode_image
from handshape.errors import ImageError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
_LARGE = 2_000_000  # bytes; more than a camera frame and less than what fills memory in pairs
_SCANS = 100  # of a progressive JPEG; encoders write about ten
_one_at_a_time = threading.Lock()


def decode_photo(data: bytes) -> NDArray[np.uint8]:
    """Decode a photo that someone sent.

    Pillow opens dozens of formats, and some of them by starting other programs; here only a browser's count.

    Args:
        data: Content of an image file.

    Returns:
        (H, W, 3) uint8, RGB, turned upright.

    Raises:
        ImageFormatError: The bytes are no JPEG, PNG, WebP, GIF or BMP.
        ImageSizeError: The image has more than 50 megapixels.
        ImageError: The image is damaged.
    """
    if data.startswith(b"\xff\xd8") and data.count(b"\xff\xda") > _SCANS:
        raise ImageError("a JPEG of very many scans", f"at most {_SCANS}", "save the photo again")
    return decode_image(data, formats=FORMATS)[0]
