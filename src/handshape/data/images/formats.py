"""The image and video formats that handshape reads, the same everywhere."""

import importlib.util
from functools import cache

from PIL import Image

# Pillow opens dozens more, some of them by starting other programs (EPS starts Ghostscript). MPO is opened as
# JPEG.
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
HEIC_ENDINGS = frozenset({".heic", ".heif", ".hif"})
PHOTO_ENDINGS = HEIC_ENDINGS | {
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".dib"),
    *(".tif", ".tiff", ".avif", ".mpo"),
}
# Demuxer of each ending: by name, so that no playlist can make FFmpeg open other files or addresses.
VIDEO_ENDINGS = {
    **dict.fromkeys((".mp4", ".m4v", ".mov", ".3gp"), "mov,mp4,m4a,3gp,3g2,mj2"),
    **dict.fromkeys((".mkv", ".webm"), "matroska,webm"),
    **dict.fromkeys((".mpg", ".mpeg"), "mpeg"),
    ".avi": "avi",
    ".wmv": "asf",
}


@cache
def image_formats() -> tuple[str, ...]:
    """Return Pillow's names of the accepted formats; HEIF is one where the extra ``heic`` is installed."""
    Image.init()
    if importlib.util.find_spec("pillow_heif") is None:
        return _FORMATS
    import pillow_heif

    pillow_heif.register_heif_opener()
    return (*_FORMATS, "HEIF")


def is_heic(data: bytes) -> bool:
    """Return whether a file begins like a HEIC photo."""
    return data[4:8] == b"ftyp" and data[8:12] in (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1")
