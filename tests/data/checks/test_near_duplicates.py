import io
import re
from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from handshape.data.checks.near_duplicates import (
    FAR,
    NEAR,
    Pairs,
    copies_across_labels,
    find_leaks,
    find_near_duplicates,
    group_exact_copies,
)
from handshape.data.images.image_stats import ImageStats
from handshape.errors import ShapeError

Scene = Callable[..., Image.Image]
Measure = Callable[[Image.Image], ImageStats]


def _jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


def _resized(image: Image.Image, factor: float) -> Image.Image:
    return image.resize((round(image.width * factor), round(image.height * factor)))


def _found(pairs: Pairs) -> set[tuple[int, int]]:
    return set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "jpeg 50": lambda image: _jpeg(image, 50),
    "jpeg 95": lambda image: _jpeg(image, 95),
    "half": lambda image: _resized(image, 0.5),
    "double": lambda image: _resized(image, 2),
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.9),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.1),
    "cropped": lambda image: image.crop((2, 2, image.width - 2, image.height - 2)),
    "all": lambda image: _jpeg(
        _resized(ImageEnhance.Brightness(image.crop((2, 2, 158, 158))).enhance(0.9), 0.7), 60
    ),
}


@pytest.mark.parametrize("change", COPIES)
def test_near_pairs__finds_changed_copies_and_nothing_else(
    draw_scene: Scene, facts_of: Measure, change: str
) -> None:
    scenes = [draw_scene(seed) for seed in range(40)]
    stats = [facts_of(image) for image in scenes] + [facts_of(COPIES[change](image)) for image in scenes]
    pairs = find_near_duplicates(stats, np.zeros(80, dtype=np.int64))
    assert _found(pairs) == {(i, i + 40) for i in range(40)}
    assert pairs.distance.max() <= FAR


def test_near_pairs__are_of_one_label(draw_scene: Scene, facts_of: Measure) -> None:
    stats = [facts_of(draw_scene(1))] * 4
    pairs = find_near_duplicates(stats, np.array([1, 0, 1, 0]))
    assert _found(pairs) == {(0, 2), (1, 3)} and not pairs.distance.any()
    assert len(find_near_duplicates([], np.empty(0, dtype=np.int64))) == 0


def test_near_pairs__somewhat_farther_photos_count_if_nearest_of_each_other(
    draw_scene: Scene, facts_of: Measure
) -> None:
    stats = [facts_of(draw_scene(2)), facts_of(draw_scene(2, moved=3)), facts_of(draw_scene(3))]
    pairs = find_near_duplicates(stats, np.zeros(3, dtype=np.int64))
    assert _found(pairs) == {(0, 1)} and NEAR < pairs.distance[0] <= FAR


def test_near_pairs__features_decide_where_thumbnails_differ_somewhat(
    draw_scene: Scene, facts_of: Measure
) -> None:
    # Two bursts of one scene, each photo nearest to its own, and as many photos of other scenes.
    moves = [0, 0.1, 0.2, 0.3, 3, 3.1, 3.2, 3.3]
    stats = [facts_of(draw_scene(2, moved=move)) for move in moves] + [
        facts_of(draw_scene(s)) for s in range(10, 20)
    ]
    classes = np.zeros(18, dtype=np.int64)
    own = {(a, b) for a, b in combinations(range(8), 2) if (a < 4) == (b < 4)}
    assert _found(find_near_duplicates(stats, classes)) == own
    seen = np.random.default_rng(0).normal(size=(18, 40))
    assert _found(find_near_duplicates(stats, classes, features=seen)) == own
    seen[1:8] = seen[0]
    assert _found(find_near_duplicates(stats, classes, features=seen)) > own


def test_near_pairs__refuses_other_lengths(draw_scene: Scene, facts_of: Measure) -> None:
    stats = [facts_of(draw_scene(1))] * 2
    with pytest.raises(ShapeError, match=r"classes of shape \(3,\)"):
        find_near_duplicates(stats, np.zeros(3, dtype=np.int64))
    with pytest.raises(ShapeError, match=r"features of shape \(2,\)"):
        find_near_duplicates(stats, np.zeros(2, dtype=np.int64), features=np.zeros(2))
    with pytest.raises(ShapeError, match=r"classes of shape \(1,\)"):
        copies_across_labels(stats, np.zeros(1, dtype=np.int64))


def test_twins_across_labels__finds_one_picture_under_two_labels(
    draw_scene: Scene, facts_of: Measure
) -> None:
    scenes = [draw_scene(seed) for seed in range(20)]
    stats = [
        facts_of(image) for image in [*scenes, _jpeg(scenes[3], 70), _resized(scenes[5], 0.5), scenes[6]]
    ]
    classes = np.array([0] * 20 + [1, 1, 0])
    assert _found(copies_across_labels(stats, classes)) == {(3, 20), (5, 21)}


def test_twins_across_labels__a_moved_hand_in_one_scene_is_another_picture(
    draw_scene: Scene, facts_of: Measure
) -> None:
    stats = [facts_of(draw_scene(8)), facts_of(draw_scene(8, moved=4))]
    assert len(copies_across_labels(stats, np.array([0, 1]))) == 0


def test_exact_groups__by_digest() -> None:
    groups = group_exact_copies(["b", "a", "b", "c"])
    assert groups[0] == groups[2] and len(set(groups.tolist())) == 3
    assert group_exact_copies([]).tolist() == []


def test_leaks__counts_test_photos_with_a_twin_in_training() -> None:
    pairs = Pairs(
        np.array([0, 0, 1, 2, 4]),
        np.array([1, 2, 3, 5, 5]),
        np.array([0.05, 0.01, 0.02, 0.03, 0.0], dtype=np.float32),
    )
    found = find_leaks(pairs, ["test", "train", "train", "test", "valid", "test", "test"])
    assert (found.photos, found.leaking, found.share) == (4, 3, 0.75)
    assert [(a, b, round(d, 3)) for a, b, d in found.worst] == [(0, 2, 0.01), (3, 1, 0.02), (5, 2, 0.03)]


def test_leaks__without_a_test_side_or_pairs() -> None:
    nothing = Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))
    assert (
        find_leaks(nothing, ["train", None]).share == 0 and find_leaks(nothing, ["test", "train"]).worst == ()
    )


@pytest.mark.shared
def test_near_pairs__of_studio_photos_are_of_one_signer(
    studio_facts: tuple[list[str], list[ImageStats]],
) -> None:
    names, stats = studio_facts
    classes = np.unique([name[0] for name in names], return_inverse=True)[1]
    signer = np.array([name.split("/hand")[1][0] for name in names])
    burst = np.array([name.split("_seg_")[0] for name in names])
    pairs = find_near_duplicates(stats, classes)
    same = burst[pairs.first] == burst[pairs.second]
    assert (signer[pairs.first] == signer[pairs.second]).mean() > 0.99
    assert same.mean() > 0.95
    every = sum(n * (n - 1) // 2 for n in np.unique(burst, return_counts=True)[1])
    assert same.sum() > 0.6 * every


@pytest.mark.shared
def test_near_pairs__of_webcam_frames_are_close_in_time(
    webcam_facts: tuple[list[str], list[ImageStats]],
) -> None:
    names, stats = webcam_facts
    classes = np.unique([name[0] for name in names], return_inverse=True)[1]
    frame = np.array([int(re.findall(r"(\d+)\.", name)[0]) for name in names])
    pairs = find_near_duplicates(stats, classes)
    assert np.median(np.abs(frame[pairs.first] - frame[pairs.second])) <= 10
    side = np.random.default_rng(0).choice(["train", "test"], len(names)).tolist()
    assert find_leaks(pairs, side).share > 0.2
    assert len(copies_across_labels(stats, classes)) == 0
