from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from handshape.data.augment.background import cut_out
from handshape.data.augment.mask import find_hand
from handshape.data.images.decode import Preprocessing, read_image


def hand(skin: tuple[int, int, int], behind: tuple[int, int, int], noise: int = 3) -> NDArray[np.uint8]:
    """A palm with three fingers and an arm that leaves the photo below, and a hole between thumb and palm."""
    image = Image.new("RGB", (224, 224), behind)
    pen = ImageDraw.Draw(image)
    pen.ellipse((70, 90, 160, 190), fill=skin)
    for left in (75, 105, 135):
        pen.rectangle((left, 30, left + 18, 120), fill=skin)
    pen.rectangle((95, 150, 135, 224), fill=skin)
    pen.ellipse((100, 120, 120, 140), fill=behind)
    grain = np.random.default_rng(0).integers(-noise, noise + 1, (224, 224, 3))
    return (np.asarray(image).astype(np.int16) + grain).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("skin", "behind"),
    [
        ((200, 150, 120), (0, 0, 0)),
        ((60, 38, 28), (0, 0, 0)),  # dark skin before black
        ((60, 38, 28), (240, 240, 240)),
        ((240, 205, 180), (60, 120, 60)),
    ],
)
def test_find_hand__before_a_plain_background(
    skin: tuple[int, int, int], behind: tuple[int, int, int]
) -> None:
    found = find_hand(hand(skin, behind))
    assert found.trusted, found.doubt
    truth = np.abs(hand(skin, behind, noise=0).astype(int) - behind).max(axis=2) > 0
    truth[120:141, 100:121] = True  # what the hand encloses is the hand's
    assert (found.mask == truth).mean() > 0.995


def test_find_hand__doubts() -> None:
    rng = np.random.default_rng(1)
    wall = rng.integers(0, 256, (224, 224, 3), dtype=np.uint8)
    assert find_hand(wall).doubt == "the background is not plain"
    assert find_hand(np.zeros_like(wall)).doubt == "what stands out has not the size of a hand"
    spots = np.zeros_like(wall)
    spots[40:90, 40:90] = spots[130:180, 130:180] = 200
    assert find_hand(spots).doubt == "what stands out is not in one piece"
    faint = np.zeros_like(wall)
    faint[60:160, 60:160] = 10
    assert find_hand(faint).doubt == "the outline hardly stands out"


def test_find_hand__a_frame_of_a_pixel_is_no_background() -> None:
    framed = hand((200, 150, 120), (0, 0, 0))
    framed[[0, -1]] = framed[:, [0, -1]] = (0, 0, 255)
    assert find_hand(framed).trusted


def test_cut_out__all_is_kept_where_the_mask_cannot_be_trusted() -> None:
    wall = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert (cut_out(wall) == 1).all()
    alpha = cut_out(hand((200, 150, 120), (0, 0, 0)))
    assert alpha[100, 110] == 1 and alpha[5, 5] == 0 and alpha[222, 115] == 1
    assert 0 < ((alpha > 0.01) & (alpha < 0.99)).mean() < 0.1


@pytest.mark.shared
def test_find_hand__real_photos(shared_data: Path) -> None:
    preprocessing = Preprocessing(224)
    for kind, trusted in (("studio", True), ("webcam", False)):
        for label in "ADI":
            for path in sorted((shared_data / kind / label).iterdir())[::20]:
                assert find_hand(preprocessing.prepare(read_image(path))).trusted == trusted, path
