import pytest
from PIL import Image
from tests.conftest import draw_shape
from tests.serve.conftest import encoded, many_scans

from handshape.errors import ImageError, ImageFormatError, ImageSizeError
from handshape.serve.photo import decode_photo, is_large


@pytest.mark.parametrize("kind", ["TIFF", "EPS", "PPM", "ICO", "PDF"])
def test_decode_photo__no_other_format(kind: str) -> None:
    with pytest.raises(ImageFormatError):
        decode_photo(encoded(draw_shape(0, 1, 0), kind))


@pytest.mark.parametrize(("width", "scans"), [(64, 101), (7000, 21)])
def test_decode_photo__jpegs_that_would_take_long(width: int, scans: int) -> None:
    with pytest.raises(ImageError, match=f"{scans} scans"):
        decode_photo(many_scans(width, scans))


def test_decode_photo__a_progressive_jpeg_of_a_camera() -> None:
    photo = encoded(Image.new("RGB", (4000, 3000)), "JPEG", progressive=True)
    assert decode_photo(photo).shape == (3000, 4000, 3)


def test_decode_photo__a_webp_takes_more_memory() -> None:
    with pytest.raises(ImageSizeError, match="at most 16 megapixels"):
        decode_photo(encoded(Image.new("RGB", (4100, 4000)), "WEBP", method=0))


def test_is_large__by_the_header() -> None:
    assert is_large(encoded(Image.new("L", (4000, 3000)), "PNG")[:60])
    assert not is_large(encoded(Image.new("L", (1000, 1000)), "PNG"))
    assert not is_large(b"no photo")
