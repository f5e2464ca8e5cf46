import numpy as np
import pytest

from handshape.synthetic.poses import ALPHABET, letters, random_pose, vary
from handshape.synthetic.skeleton import JOINTS, LIMITS

_BOUNDS = np.array(list(LIMITS.values()))


def test_letters__has_every_letter_with_a_view() -> None:
    assert tuple(letters()) == ALPHABET
    assert all(letter.views for letter in letters().values())


@pytest.mark.parametrize("one, other", ["AS", "AT", "MN", "ST", "UV", "UR", "KV", "DZ", "EO", "IY"])
def test_letters__similar_letters_differ(one: str, other: str) -> None:
    assert np.abs(letters()[one].pose - letters()[other].pose).max() >= 5.0  # degrees


@pytest.mark.parametrize("seed", range(5))
def test_vary__stays_within_limits(seed: int) -> None:
    varied = vary(letters()["S"].pose, np.random.default_rng(seed), 30.0)
    assert ((varied >= _BOUNDS[:, 0]) & (varied <= _BOUNDS[:, 1])).all()
    assert not np.array_equal(varied, letters()["S"].pose)


def test_random_pose__is_legal_and_varied() -> None:
    rng = np.random.default_rng(0)
    poses = np.stack([random_pose(rng) for _ in range(200)])
    assert poses.shape == (200, len(JOINTS))
    assert ((poses >= _BOUNDS[:, 0]) & (poses <= _BOUNDS[:, 1])).all()
    bends = [JOINTS.index(f"{finger}.pip") for finger in ("index", "middle", "ring", "pinky")]
    assert (poses[:, bends].std(axis=0) > 20.0).all()  # degrees: from straight to folded
