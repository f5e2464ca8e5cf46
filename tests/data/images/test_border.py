import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from handshape.data.images.border import Border, find_border

Scene = Callable[..., Image.Image]


def _jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


@pytest.mark.parametrize("quality", [60, 75, 90])
@pytest.mark.parametrize("width", [2, 5, 20])
def test_find_border__of_a_jpeg(draw_scene: Scene, width: int, quality: int) -> None:
    framed = ImageOps.expand(draw_scene(2, size=200), width, fill=(0, 0, 255))
    border = find_border(np.asarray(_jpeg(framed, quality)))
    assert np.abs(np.array(border.widths) - width).max() <= 2
    assert border.colour.startswith("#") and int(border.colour[5:], 16) > 200


def test_find_border__letterbox_has_two_sides(draw_scene: Scene) -> None:
    image = Image.new("RGB", (160, 240))
    image.paste(draw_scene(4), (0, 40))
    border = find_border(np.asarray(image))
    assert border.widths == (40, 0, 40, 0) and border.colour == "#000000"


def test_find_border__plain_background_behind_a_hand_is_none() -> None:
    image = Image.new("RGB", (200, 200), "black")
    ImageDraw.Draw(image).ellipse((30, 20, 150, 199), fill=(220, 170, 140))
    assert find_border(np.asarray(image)) == Border()


def test_find_border__neither_a_plain_image_nor_a_slow_change_has_one() -> None:
    assert find_border(np.full((90, 90, 3), 30, np.uint8)) == Border()
    ramp = np.linspace(0, 255, 200).astype(np.uint8)
    assert find_border(np.broadcast_to(ramp[:, None, None], (200, 200, 3))) == Border()


def test_find_border__photos_without(draw_scene: Scene) -> None:
    assert {find_border(np.asarray(draw_scene(seed))) for seed in range(20)} == {Border()}


def test_find_border__tiny_images_have_none() -> None:
    pixels = np.zeros((10, 10, 3), np.uint8)
    pixels[1:-1, 1:-1] = 255
    assert find_border(pixels) == Border()
