import numpy as np
import pytest

from handshape.synthetic.scene import STYLES, Style, make_background, make_light, photograph


@pytest.mark.parametrize("style", STYLES)
def test_make_background__is_a_picture(style: Style) -> None:
    scene = make_background(style, 64, np.random.default_rng(1))
    assert scene.shape == (64, 64, 3) and scene.dtype == np.uint8


def test_make_background__a_studio_is_often_black_and_a_room_never() -> None:
    black = {
        style: sum(make_background(style, 48, np.random.default_rng(n)).max() == 0 for n in range(60))
        for style in STYLES
    }
    assert 20 < black["studio"] < 50
    assert black["room"] == 0


def test_make_light__comes_from_the_viewers_side() -> None:
    for n in range(30):
        light = make_light("room", np.full((32, 32, 3), 128, np.uint8), np.random.default_rng(n))
        assert light.direction[2] > 0.1
        assert np.linalg.norm(light.direction) == pytest.approx(1.0)
        assert (light.lamp > 0).all() and (light.above > light.below).all()


def test_photograph__adds_noise_but_no_light() -> None:
    photo = np.asarray(photograph(np.full((64, 64, 3), 127, np.uint8), "room", np.random.default_rng(2)))
    assert photo.std() > 0.3
    assert photo.mean() == pytest.approx(127.0, abs=1.0)
