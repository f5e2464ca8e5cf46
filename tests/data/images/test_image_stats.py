import io
import json
from collections.abc import Callable
from dataclasses import asdict

import imagehash
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from handshape.data.images.image_stats import ImageStats, background_cells, decode_thumbnails, image_stats
from handshape.errors import ShapeError

Scene = Callable[..., Image.Image]


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 2**32 - 1))
def test_image_facts__hash_is_that_of_imagehash(width: int, height: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    stats = image_stats(np.asarray(image), "RGB")
    assert stats.phash == int(str(imagehash.phash(image)), 16)
    assert (stats.width, stats.height) == (width, height)
    assert ImageStats(**json.loads(json.dumps(asdict(stats)))) == stats


def test_image_facts__hash_of_a_large_photo_differs_in_few_bits(draw_scene: Scene) -> None:
    image = draw_scene(3, size=2400)
    stats = image_stats(np.asarray(image), "RGB")
    assert (stats.phash ^ int(str(imagehash.phash(image)), 16)).bit_count() <= 4
    small = image_stats(np.asarray(image.resize((400, 400))), "RGB")
    assert np.abs(decode_thumbnails([stats])[0].astype(int) - decode_thumbnails([small])[0]).max() <= 4


def test_image_facts__light() -> None:
    pixels = np.full((100, 100, 3), 100, dtype=np.uint8)
    rows = np.random.default_rng(0).permutation(10_000)
    flat = pixels.reshape(-1, 3)
    flat[rows[:2000]], flat[rows[2000:5000]] = 0, 255
    stats = image_stats(pixels, "L")
    assert stats.mode == "L"
    assert stats.brightness == pytest.approx(0.3 * 255 + 0.5 * 100)
    assert stats.dark_share == pytest.approx(0.2) and stats.bright_share == pytest.approx(0.3)
    assert stats.highlights == 255
    assert stats.contrast == pytest.approx(float(pixels.std()))


def test_image_facts__blur_lowers_sharpness(draw_scene: Scene) -> None:
    sharp = [image_stats(np.asarray(draw_scene(seed)), "RGB").sharpness for seed in range(8)]
    blurred = [
        image_stats(np.asarray(draw_scene(seed).filter(ImageFilter.GaussianBlur(2))), "RGB").sharpness
        for seed in range(8)
    ]
    assert min(sharp) > 0.6 > 0.56 > max(blurred)


def test_image_facts__a_frame_drawn_around_a_blurred_photo_does_not_make_it_sharp(draw_scene: Scene) -> None:
    image = draw_scene(1).filter(ImageFilter.GaussianBlur(2.5))
    bare = image_stats(np.asarray(image), "RGB")
    ImageDraw.Draw(image).rectangle((0, 0, 159, 159), outline=(0, 0, 255))
    framed = image_stats(np.asarray(image), "RGB")
    assert framed.border == (1, 1, 1, 1) and framed.border_colour == "#0000ff"
    assert framed.sharpness == pytest.approx(bare.sharpness, abs=0.02)
    assert framed.background_blue == pytest.approx(bare.background_blue, abs=8)


def test_image_facts__background_is_that_of_the_edges() -> None:
    image = Image.new("RGB", (120, 120), (10, 120, 200))
    ImageDraw.Draw(image).ellipse((35, 35, 85, 119), fill=(230, 180, 150))
    stats = image_stats(np.asarray(image), "RGB")
    assert (stats.background_red, stats.background_green, stats.background_blue) == (10, 120, 200)
    assert stats.background_texture == 0
    rough = np.random.default_rng(0).integers(0, 256, (120, 120, 3), dtype=np.uint8)
    assert image_stats(rough, "RGB").background_texture > 30


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 500, 3), (500, 1, 3), (3, 3, 3), (2000, 3, 3)])
def test_image_facts__any_size(shape: tuple[int, int, int]) -> None:
    stats = image_stats(np.full(shape, 77, dtype=np.uint8), "RGB")
    assert stats.sharpness == 0 and stats.contrast == 0 and stats.brightness == 77
    assert (decode_thumbnails([stats]) == 77).all()


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((8, 8, 3)),
        np.zeros((0, 8, 3), np.uint8),
    ],
)
def test_image_facts__refuses_other_arrays(pixels: NDArray[np.generic]) -> None:
    with pytest.raises(
        ShapeError,
        match=r"an image of shape .* and type .*",
    ):
        image_stats(pixels, "RGB")  # type: ignore[arg-type]


def test_background_cells__leave_out_the_bottom() -> None:
    thumbnail = np.zeros((12, 12, 3), np.uint8)
    thumbnail[9:] = 255
    thumbnail[1:, 1:-1] = 255
    assert background_cells(thumbnail).shape == (28, 3) and not background_cells(thumbnail).any()


def test_image_facts__a_jpeg_copy_has_nearly_the_same_facts(draw_scene: Scene) -> None:
    image, buffer = draw_scene(5), io.BytesIO()
    image.save(buffer, "JPEG", quality=80)
    one, other = (
        image_stats(np.asarray(Image.open(x) if x is buffer else x), "RGB") for x in (image, buffer)
    )
    assert one.brightness == pytest.approx(other.brightness, abs=1)
    assert (one.phash ^ other.phash).bit_count() <= 4


@pytest.mark.shared
def test_image_facts__real_photos(
    studio_facts: tuple[list[str], list[ImageStats]], webcam_facts: tuple[list[str], list[ImageStats]]
) -> None:
    assert {stats.border for stats in studio_facts[1]} == {(0, 0, 0, 0)}
    assert {stats.border for stats in webcam_facts[1]} == {(1, 1, 1, 1)}
    assert min(stats.sharpness for stats in studio_facts[1] + webcam_facts[1]) > 0.56


def test_image_facts__two_borders_that_leave_nearly_nothing() -> None:
    pixels = np.zeros((120, 18, 3), dtype=np.uint8)
    pixels[:, 7:11] = 255
    stats = image_stats(pixels, "RGB")
    assert (stats.border_left, stats.border_right) == (7, 7)
    assert stats.brightness == pytest.approx(255 * 4 / 18)
