import numpy as np
import pytest

from handshape.synthetic.scene import STYLES, Style, make_background, make_light


@pytest.mark.parametrize("style", STYLES)
def test_make_background__is_a_picture(style: Style) -> None:
    scene = make_background(style, 64, np.random.default_rng(1))
    assert scene.shape == (64, 64, 3) and scene.dtype == np.uint8


def test_make_light__comes_from_the_viewers_side() -> None:
    for n in range(30):
        light = make_light("room", np.full((32, 32, 3), 128, np.uint8), np.random.default_rng(n))
        assert light.direction[2] > 0.1
        assert np.linalg.norm(light.direction) == pytest.approx(1.0)
        assert (light.lamp > 0).all() and (light.above > light.below).all()
