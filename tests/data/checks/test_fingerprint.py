from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from handshape.data.checks import fingerprint
from handshape.data.checks.fingerprint import near_hashes, nearest_of_each, thumbnail_distance

Scene = Callable[..., Image.Image]


def _thumbnail(image: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(image.resize((12, 12), Image.Resampling.BILINEAR))[None]


def _found(hashes: list[int], limit: int, unlike: list[int] | None = None) -> set[tuple[int, int]]:
    apart = None if unlike is None else np.array(unlike, dtype=np.int64)
    pairs = near_hashes(np.array(hashes, dtype=np.uint64), limit, unlike=apart)
    return {(a, b) for first, second in pairs for a, b in zip(first.tolist(), second.tolist(), strict=True)}


@given(st.lists(st.integers(0, 2**64 - 1), max_size=40), st.integers(0, 40))
def test_near_hashes__finds_what_comparing_all_finds(hashes: list[int], limit: int) -> None:
    expected = {
        (a, b) for a, b in combinations(range(len(hashes)), 2) if (hashes[a] ^ hashes[b]).bit_count() <= limit
    }
    assert _found(hashes, limit) == expected


def test_near_hashes__across_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprint, "_ROWS", 3)
    monkeypatch.setattr(fingerprint, "_COLUMNS", 4)
    hashes = [0, 2**64 - 1] * 6
    assert _found(hashes, 0) == {(a, b) for a, b in combinations(range(12), 2) if (a - b) % 2 == 0}
    assert _found(hashes, 0, unlike=[0] * 10 + [1] * 2) == {
        (a, b) for a in range(10) for b in (10, 11) if (a - b) % 2 == 0
    }


def test_near_hashes__keeps_the_nearest_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprint, "_PROPOSALS", 2)
    assert _found([0, 0b111, 0b1, 0b11], 3) == {(0, 2), (0, 3), (1, 3), (1, 2), (2, 3)}


def test_nearest_of_each__ties_take_the_earlier() -> None:
    first = np.array([5, 5, 2, 5, 2])
    distance = np.array([0.3, 0.1, 0.2, 0.1, 0.1])
    assert nearest_of_each(first, distance, 1).tolist() == [1, 4]
    assert nearest_of_each(first, distance, 9).tolist() == [0, 1, 2, 3, 4]


def test_thumbnail_distance__is_zero_for_equal_and_near_one_for_unrelated(draw_scene: Scene) -> None:
    thumbs = np.concatenate([_thumbnail(draw_scene(seed)) for seed in range(30)])
    assert (thumbnail_distance(thumbs, thumbs, 0.1) == 0).all()
    others = thumbnail_distance(thumbs, np.roll(thumbs, 1, axis=0), 0.1)
    assert 0.6 < np.median(others) < 1.5 and others.min() > 0.3
    back = thumbnail_distance(np.roll(thumbs, 1, axis=0), thumbs, 0.1)
    np.testing.assert_allclose(others, back, rtol=1e-4)


def test_thumbnail_distance__forgives_light_and_a_small_shift_only(draw_scene: Scene) -> None:
    image = draw_scene(7)
    one = _thumbnail(image)
    lit = np.clip(one * 1.1, 0, 255).astype(np.uint8)
    much = np.clip(one * 0.6, 0, 255).astype(np.uint8)
    assert thumbnail_distance(one, lit, 0.08)[0] < 0.04 < 0.3 < thumbnail_distance(one, much, 0.08)[0]
    near, far = _thumbnail(image.crop((3, 0, 160, 160))), _thumbnail(image.crop((24, 0, 160, 160)))
    assert thumbnail_distance(one, near, 0.08)[0] < 0.08 < 0.2 < thumbnail_distance(one, far, 0.08)[0]


def test_thumbnail_distance__flat_and_black_images() -> None:
    black, grey = np.zeros((1, 12, 12, 3), np.uint8), np.full((1, 12, 12, 3), 1, np.uint8)
    assert thumbnail_distance(black, black, 0.1)[0] == 0
    assert thumbnail_distance(black, grey, 0.1)[0] == pytest.approx(0.125, abs=0.02)
    assert thumbnail_distance(black[:0], black[:0], 0.1).shape == (0,)
