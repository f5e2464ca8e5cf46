import numpy as np
import pytest

from handshape.studies.material import Material
from handshape.studies.mirror_control import control_by_arrows, control_by_hands, draw_arrow


def ink(pixels: np.ndarray) -> np.ndarray:
    """How far each pixel is from the paper, summed over each column."""
    grey = pixels.astype(float).mean(axis=2)
    return np.abs(grey - np.median(grey)).sum(axis=0)  # type: ignore[no-any-return]


def test_draw_arrow__the_same_seed_draws_the_same() -> None:
    first = draw_arrow(np.random.default_rng(3), 96)
    assert first.shape == (96, 96, 3) and first.dtype == np.uint8
    assert np.array_equal(first, draw_arrow(np.random.default_rng(3), 96))
    assert not np.array_equal(first, draw_arrow(np.random.default_rng(4), 96))


def test_draw_arrow__points_to_the_right() -> None:
    # The head has more ink than the shaft: the ink's middle lies to the right of the shape's.
    leanings = {1: [], 2: []}  # type: ignore[var-annotated]
    for heads, found in leanings.items():
        rng = np.random.default_rng(0)
        for _ in range(60):
            weight = ink(draw_arrow(rng, 96, heads=heads))
            columns = np.flatnonzero(weight > 0.2 * weight.max())
            found.append(np.average(np.arange(96), weights=weight**2) - (columns[0] + columns[-1]) / 2)
    assert np.mean(np.array(leanings[1]) > 0) > 0.9
    assert abs(np.mean(leanings[2])) < 0.2 * np.mean(leanings[1])


@pytest.mark.slow
def test_control_by_arrows__the_known_answers(material: Material) -> None:
    found = control_by_arrows(material, heads=1)
    # handnet has seen nothing but hands, and arrows are no hands: 93.5 % of 200.
    assert found.known == 1 and found.intervals[4].low > 0.85 and found.really_left == {}
    found = control_by_arrows(material, heads=2)
    assert found.known == 0.5
    for places in (1, 4):
        assert found.intervals[places].low <= 0.5 <= found.intervals[places].high


@pytest.mark.slow
def test_control_by_hands__left_hands_are_known_by_mirror_images(material: Material) -> None:
    found = control_by_hands(material)
    assert found.intervals[4].low > 0.5 and found.accuracies[4] > 0.8
    assert found.really_left[4] > 0.7
