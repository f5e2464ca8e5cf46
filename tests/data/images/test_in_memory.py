from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from handshape.data.images.in_memory import to_images, to_pixels
from handshape.errors import ShapeError

PIXELS = np.arange(8 * 9 * 3, dtype=np.uint8).reshape(8, 9, 3)


def test_as_pixels__path_picture_and_array(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    for image in (tmp_path / "a.png", str(tmp_path / "a.png"), Image.fromarray(PIXELS), PIXELS):
        assert np.array_equal(to_pixels(image), PIXELS)


def test_as_pixels__anything_else() -> None:
    text = "an image of type 'int'"
    with pytest.raises(ShapeError, match=text):
        to_pixels(3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "images", [["a", "b"], ("a", Path("b")), np.array(["a", "b"]), np.stack([PIXELS] * 2), iter([PIXELS] * 2)]
)
def test_as_images__many(images: Any) -> None:
    assert len(to_images(images)) == 2


@pytest.mark.parametrize(
    "images, text",
    [
        (Path("a"), "images of type 'PosixPath'"),
        (None, "images of type 'NoneType'"),
        (PIXELS, r"images of shape \(8, 9, 3\) and type uint8"),
        ([], "0 images"),
        (["a", 1], "an image of type 'int'"),
    ],
)
def test_as_images__anything_else(images: Any, text: str) -> None:
    with pytest.raises(ShapeError, match=text):
        to_images(images)
