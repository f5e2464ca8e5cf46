from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binomtest

from handshape.data.splits.claim import NEW_SIGNERS
from handshape.evaluation.intervals.accuracy import (
    Interval,
    accuracy_interval,
    mean_over_groups_interval,
    mean_over_sources_interval,
)
from handshape.evaluation.intervals.grouping import NEW_SOURCES, ONE_SIGNER, TWO_SOURCES

REPETITIONS = 500
Flags = NDArray[np.bool_]
Draw = tuple[Flags, NDArray[np.int64]]

# Cases of 1 to 60 photos with up to 6 groups, as (right, group) pairs.
photos = st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=60)
repeatable = settings(derandomize=True, deadline=None, max_examples=150)


def arrays(cases: list[tuple[bool, int]]) -> Draw:
    return np.array([right for right, _ in cases]), np.array([group for _, group in cases])


def draw(accuracy: float, correlation: float, sizes: list[int], generator: np.random.Generator) -> Draw:
    """Photos of groups whose accuracies follow a beta law with that intraclass correlation."""
    strength = 1 / correlation - 1
    own = generator.beta(accuracy * strength, (1 - accuracy) * strength, len(sizes))
    groups = np.repeat(np.arange(len(sizes)), sizes)
    return generator.random(len(groups)) < own[groups], groups


def cover(truth: float, repeat: Callable[[np.random.Generator], Interval]) -> float:
    generator = np.random.default_rng(2)
    found = [repeat(generator) for _ in range(REPETITIONS)]
    return float(np.mean([interval.low <= truth <= interval.high for interval in found]))


@pytest.mark.parametrize(("n", "accuracy"), [(50, 0.9), (200, 0.6), (200, 0.95), (500, 0.8), (1000, 0.98)])
def test_accuracy_interval__covers_the_truth_for_independent_photos(n: int, accuracy: float) -> None:
    share = cover(accuracy, lambda generator: accuracy_interval(generator.random(n) < accuracy))
    assert 0.92 <= share <= 0.98


@pytest.mark.parametrize(
    ("bursts", "accuracy", "correlation"),
    [(20, 0.6, 0.3), (20, 0.9, 0.6), (50, 0.8, 0.9), (100, 0.95, 0.6), (200, 0.9, 0.3), (200, 0.98, 0.9)],
)
def test_accuracy_interval__covers_the_truth_for_bursts(
    bursts: int, accuracy: float, correlation: float
) -> None:
    def repeat(generator: np.random.Generator) -> Interval:
        correct, groups = draw(accuracy, correlation, [5] * bursts, generator)
        return accuracy_interval(correct, bursts=groups)

    assert 0.92 <= cover(accuracy, repeat) <= 0.98


STUDIO = [650, 645, 130, 130]
SIGNERS = [
    (STUDIO, 0.6, 0.1),
    (STUDIO, 0.9, 0.1),
    ([100] * 6, 0.8, 0.1),
    ([20, 40, 80, 160, 320, 30, 60, 120, 240, 100], 0.95, 0.1),
    (STUDIO * 5, 0.8, 0.05),
    ([100] * 30, 0.9, 0.03),
    ([100] * 30, 0.98, 0.01),
]


@pytest.mark.parametrize(("sizes", "accuracy", "correlation"), SIGNERS)
def test_accuracy_interval__covers_the_truth_for_signers(
    sizes: list[int], accuracy: float, correlation: float
) -> None:
    def repeat(generator: np.random.Generator) -> Interval:
        return accuracy_interval(*draw(accuracy, correlation, sizes, generator))

    assert 0.92 <= cover(accuracy, repeat) <= 0.98


@repeatable
@given(photos, st.sampled_from(["signers", "bursts", "alone"]))
def test_accuracy_interval__contains_the_accuracy_and_lies_in_0_1(
    cases: list[tuple[bool, int]], unit: str
) -> None:
    correct, groups = arrays(cases)
    found = accuracy_interval(
        correct, groups if unit == "signers" else None, groups if unit == "bursts" else None
    )
    assert 0 <= found.low <= correct.mean() + 1e-12
    assert correct.mean() - 1e-12 <= found.high <= 1
    assert found.low < found.high
    # N photos are never worth more than N, and in a single burst not less than one.
    assert 1 - 1e-9 <= found.effective_photos <= len(correct) * (1 + 1e-9)


@repeatable
@given(photos)
def test_mean_over_groups_interval__contains_the_mean_and_lies_in_0_1(cases: list[tuple[bool, int]]) -> None:
    correct, groups = arrays(cases)
    mean = (
        float(np.mean([correct[groups == group].mean() for group in np.unique(groups)]))
        if len(np.unique(groups)) > 1
        else float(correct.mean())
    )
    found = mean_over_groups_interval(correct, groups)
    assert 0 <= found.low <= mean + 1e-12
    assert mean - 1e-12 <= found.high <= 1
    assert found.low < found.high


@repeatable
@given(st.integers(2, 8), st.integers(2, 20), st.data())
def test_accuracy_interval__wider_when_mistakes_fall_in_the_same_groups(
    groups: int, size: int, data: st.DataObject
) -> None:
    bad = data.draw(st.integers(1, groups - 1))
    names = np.repeat(np.arange(groups), size)
    together = names >= bad
    # As many photos are right, but now every group has its share of them.
    spread = np.argsort(np.tile(np.arange(size), groups), kind="stable").argsort() >= bad * size
    assert together.sum() == spread.sum()
    for unit in ("signers", "bursts"):
        wide, narrow = (accuracy_interval(flags, **({unit: names})) for flags in (together, spread))
        assert wide.high - wide.low > narrow.high - narrow.low
        assert wide.effective_photos < narrow.effective_photos


@repeatable
@given(st.lists(st.integers(1, 60), min_size=2, max_size=8))
def test_accuracy_interval__no_mistake_is_not_judged_worse_than_one_of_the_smallest_signer(
    sizes: list[int],
) -> None:
    signers = np.repeat(np.arange(len(sizes)), sizes)
    right = np.full(len(signers), True)
    one_wrong = right.copy()
    one_wrong[np.flatnonzero(signers == np.argmin(sizes))[0]] = False
    assert accuracy_interval(right, signers).low >= accuracy_interval(one_wrong, signers).low


@pytest.mark.parametrize(("right", "n"), [(0, 1), (1, 1), (0, 40), (40, 40), (37, 40), (999, 1000)])
def test_accuracy_interval__independent_photos_give_wilsons(right: int, n: int) -> None:
    expected = binomtest(right, n).proportion_ci(method="wilson")
    found = accuracy_interval(np.arange(n) < right)
    assert found.pair == pytest.approx([expected.low, expected.high], abs=1e-12)
    assert (found.method, found.effective_photos) == ("Wilson", n)


@pytest.mark.parametrize("unit", ["signers", "bursts"])
def test_accuracy_interval__all_right_and_all_wrong_mirror_each_other_and_have_width(unit: str) -> None:
    groups = np.repeat(np.arange(4), 100)
    right, wrong = (accuracy_interval(np.full(400, flag), **{unit: groups}) for flag in (True, False))
    assert right.high == 1
    assert wrong.low == 0
    assert right.low < 0.95  # four groups of 100; 400 independent photos would give 0.990
    assert wrong.high == pytest.approx(1 - right.low)


def test_accuracy_interval__one_signer_speaks_of_that_signer_only() -> None:
    correct = np.arange(50) < 45
    found = accuracy_interval(correct, ["Ada"] * 50)
    assert found.scope == ONE_SIGNER
    assert found.pair == accuracy_interval(correct).pair
    bursts = np.repeat(np.arange(10), 5)
    in_bursts = accuracy_interval(correct, ["Ada"] * 50, bursts)
    assert in_bursts.scope == ONE_SIGNER
    assert in_bursts.low < found.low


def test_accuracy_interval__several_signers_are_named_in_method_and_scope() -> None:
    found = accuracy_interval(np.array([True, False, True]), ["a", "b", "b"])
    assert found.method == "Wilson on effective photos (beta-binomial) over 2 signers"
    assert found.scope == NEW_SIGNERS


def test_mean_over_groups_interval__every_signer_counts_the_same() -> None:
    correct, groups = np.repeat([True, False], [900, 100]), np.repeat([0, 1], [900, 100])
    found = mean_over_groups_interval(correct, groups)
    assert found.low < 0.5 < found.high
    assert found.low + found.high == pytest.approx(1)
    assert found.method.endswith("over 2 signers, each with the same weight")


def test_mean_over_sources_interval__of_three_speaks_of_new_ones() -> None:
    correct, rooms = (
        np.repeat([True, False, True], [900, 100, 50]),
        np.repeat(["a", "b", "c"], [900, 100, 50]),
    )
    found = mean_over_sources_interval(correct, rooms)
    assert found.low < 2 / 3 < found.high and found.scope == NEW_SOURCES
    assert found.method.endswith("over 3 sources, each source with the same weight")
    # Rooms are expected to differ more than people do.
    of_people = mean_over_groups_interval(correct, rooms)
    assert found.low < of_people.low and of_people.high < found.high


def test_mean_over_sources_interval__of_two_speaks_of_these_only() -> None:
    correct, rooms = np.arange(1000) % 10 < 7, np.repeat(["a", "b"], [800, 200])
    found = mean_over_sources_interval(correct, rooms)
    assert found.scope == TWO_SOURCES and found.method == "Wilson, each source with the same weight"
    # The mean of a share of 800 and one of 200 photos varies as a share of 640 does.
    assert found.effective_photos == pytest.approx(640)
    assert 0.66 < found.low < 0.7 < found.high < 0.74
    groups = mean_over_groups_interval(correct, rooms)
    assert found.high - found.low < groups.high - groups.low
    in_bursts = mean_over_sources_interval(correct, rooms, np.arange(1000) // 5)
    assert in_bursts.method.endswith("over 200 bursts, each source with the same weight")
    assert in_bursts.low < 0.7 < in_bursts.high and in_bursts.scope == TWO_SOURCES


def test_mean_over_sources_interval__contains_the_mean_of_the_sources() -> None:
    correct, rooms = np.repeat([True, False], [990, 10]), np.repeat(["a", "b"], [990, 10])
    found = mean_over_sources_interval(correct, rooms)
    assert found.low < 0.5 < found.high and found.low + found.high == pytest.approx(1)
    assert mean_over_sources_interval(np.full(7, True), [0, 1, 1, 1, 1, 1, 1]).high == 1.0
