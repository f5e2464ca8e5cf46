from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from handshape.data.checks.bursts import find_bursts
from handshape.data.checks.near_duplicates import Pairs, find_leaks, find_near_duplicates
from handshape.data.dataset import SplitName
from handshape.data.images.image_stats import ImageStats

Scene = Callable[..., Image.Image]
Measure = Callable[[Image.Image], ImageStats]


def _pairs(*links: tuple[int, int, float]) -> Pairs:
    first, second, distance = zip(*links, strict=True)
    return Pairs(np.array(first), np.array(second), np.array(distance, dtype=np.float32))


def _sides(test: NDArray[np.bool_]) -> list[SplitName]:
    return ["test" if chosen else "train" for chosen in test]


def test_find_bursts__groups_what_is_linked() -> None:
    pairs = _pairs((1, 2, 0.01), (2, 4, 0.02), (3, 5, 0))
    groups = find_bursts(pairs, list("abcdefg"), np.zeros(7, dtype=np.int64))
    assert groups.tolist() == [0, 1, 1, 2, 1, 2, 3]


def test_find_bursts__copies_are_together_under_any_label() -> None:
    nothing = Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))
    groups = find_bursts(nothing, ["x", "y", "x", "z", "x"], np.array([0, 0, 1, 1, 2]))
    assert groups.tolist() == [0, 1, 0, 2, 0]
    assert find_bursts(nothing, [], np.empty(0, dtype=np.int64)).tolist() == []


def test_find_bursts__cuts_a_long_chain_at_its_weakest_links() -> None:
    weak = {29, 59, 79}
    chain = _pairs(*((i, i + 1, 0.07 if i in weak else 0.01 + i * 1e-5) for i in range(99)))
    groups = find_bursts(chain, [str(i) for i in range(100)], np.zeros(100, dtype=np.int64))
    assert groups.tolist() == [0] * 30 + [1] * 30 + [2] * 20 + [3] * 20
    longer = find_bursts(chain, [str(i) for i in range(400)], np.zeros(400, dtype=np.int64))
    assert len(set(longer[:100].tolist())) == 1


def test_find_bursts__photos_of_one_small_burst_stay_together() -> None:
    pairs = _pairs(*((0, i, 0.01) for i in range(1, 20)))
    assert not find_bursts(pairs, [str(i) for i in range(20)], np.zeros(20, dtype=np.int64)).any()


def test_find_bursts__of_drawn_videos(draw_scene: Scene, facts_of: Measure) -> None:
    scenes = np.repeat(np.arange(30), 4)
    stats = [facts_of(draw_scene(seed, moved=0.5 * shot)) for seed in range(30) for shot in range(4)]
    classes = np.zeros(120, dtype=np.int64)
    pairs = find_near_duplicates(stats, classes)
    groups = find_bursts(pairs, [str(i) for i in range(120)], classes)
    assert groups.tolist() == scenes.tolist()
    test = np.random.default_rng(0).random(120) < 0.3
    assert find_leaks(pairs, _sides(test)).share > 0.8
    assert find_leaks(pairs, _sides(test[groups])).leaking == 0


def test_find_bursts__one_continuous_video_is_cut_and_the_rest_is_counted(
    draw_scene: Scene, facts_of: Measure
) -> None:
    stats = [facts_of(draw_scene(3, moved=0.6 * shot)) for shot in range(90)]
    classes = np.zeros(90, dtype=np.int64)
    pairs = find_near_duplicates(stats, classes)
    groups = find_bursts(pairs, [str(i) for i in range(90)], classes)
    sizes = np.bincount(groups)
    assert 3 <= len(sizes) <= 20 and sizes.max() <= 30
    found = find_leaks(pairs, _sides(groups == groups[45]))
    assert 0 < found.leaking < found.photos


@pytest.mark.shared
def test_find_bursts__of_studio_photos_follow_the_file_names(
    studio_facts: tuple[list[str], list[ImageStats]],
) -> None:
    names, stats = studio_facts
    classes = np.unique([name[0] for name in names], return_inverse=True)[1]
    burst = np.array([name.split("_seg_")[0] for name in names])
    groups = find_bursts(find_near_duplicates(stats, classes), names, classes)
    together = groups[:, None] == groups
    true = burst[:, None] == burst
    apart = ~np.eye(len(names), dtype=np.bool_)
    assert (together & true & apart).sum() / (true & apart).sum() > 0.7
    # Two lights of one signer and letter may well look alike; two signers must not.
    signer = np.array([name.split("/hand")[1][0] for name in names])
    assert (together & (signer[:, None] == signer) & apart).sum() / (together & apart).sum() > 0.95
