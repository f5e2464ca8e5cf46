import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from handshape.data.splits.claim import NEW_SIGNERS
from handshape.evaluation.intervals.paired import compare_paired

REPETITIONS = 500
Flags = NDArray[np.bool_]

answers = st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 4)), min_size=1, max_size=50)
repeatable = settings(derandomize=True, deadline=None, max_examples=150)


def arrays(cases: list[tuple[bool, bool, int]]) -> tuple[Flags, Flags, NDArray[np.int64]]:
    return np.array([c[0] for c in cases]), np.array([c[1] for c in cases]), np.array([c[2] for c in cases])


def disagreeing(both: int, only_first: int, only_second: int, neither: int) -> tuple[Flags, Flags]:
    pairs = [(True, True)] * both + [(True, False)] * only_first
    pairs += [(False, True)] * only_second + [(False, False)] * neither
    return np.array([a for a, _ in pairs]), np.array([b for _, b in pairs])


def draw_pair(
    lift: float, spread: float, sizes: list[int], generator: np.random.Generator
) -> tuple[Flags, Flags, NDArray[np.int64]]:
    """Two models that share the signer's and the photo's difficulty; the second's logit gains lift."""
    groups = np.repeat(np.arange(len(sizes)), sizes)
    shared, own_first, own_second = generator.normal(size=(3, len(sizes)))
    difficulty = 2 + spread * shared[groups] + generator.normal(size=len(groups))
    first = difficulty + spread / 2 * own_first[groups]
    second = difficulty + lift + spread / 2 * own_second[groups]
    noise = generator.logistic(size=(2, len(groups)))
    return first > noise[0], second > noise[1], groups


def true_gain(lift: float, spread: float) -> float:
    first, second, _ = draw_pair(lift, spread, [1] * 1_000_000, np.random.default_rng(1))
    return float(second.mean() - first.mean())


@pytest.mark.parametrize(
    ("sizes", "lift", "spread"),
    [
        ([1] * 100, 0.5, 0.0),
        ([1] * 400, 1.0, 0.0),
        ([5] * 20, 0.5, 2.0),
        ([5] * 100, 1.0, 3.0),
        ([650, 645, 130, 130], 0.5, 1.0),
        ([100] * 6, 0.0, 1.0),
        ([100] * 20, 0.5, 0.5),
    ],
)
def test_compare_paired__covers_the_true_difference(sizes: list[int], lift: float, spread: float) -> None:
    generator, truth = np.random.default_rng(4), true_gain(lift, spread)
    found = [compare_paired(*draw_pair(lift, spread, sizes, generator)) for _ in range(REPETITIONS)]
    assert 0.92 <= np.mean([pair.low <= truth <= pair.high for pair in found]) <= 0.98


@repeatable
@given(answers, st.sampled_from(["signers", "bursts", "alone"]))
def test_compare_paired__contains_the_difference_and_lies_in_range(
    cases: list[tuple[bool, bool, int]], unit: str
) -> None:
    first, second, groups = arrays(cases)
    found = compare_paired(
        first, second, groups if unit == "signers" else None, groups if unit == "bursts" else None
    )
    assert found.difference == pytest.approx(second.mean() - first.mean())
    assert -1 <= found.low <= found.difference <= found.high <= 1
    assert found.low < found.high


@repeatable
@given(answers)
def test_compare_paired__swapping_the_models_swaps_the_sign(cases: list[tuple[bool, bool, int]]) -> None:
    first, second, groups = arrays(cases)
    one, other = compare_paired(first, second, groups), compare_paired(second, first, groups)
    assert (one.difference, one.low, one.high) == pytest.approx((-other.difference, -other.high, -other.low))


@repeatable
@given(answers)
def test_compare_paired__groups_never_narrow_the_interval(cases: list[tuple[bool, bool, int]]) -> None:
    first, second, groups = arrays(cases)
    alone, grouped = compare_paired(first, second), compare_paired(first, second, groups)
    assert grouped.low <= alone.low + 1e-12
    assert grouped.high >= alone.high - 1e-12


def test_compare_paired__independent_photos() -> None:
    found = compare_paired(*disagreeing(80, 3, 12, 5))
    assert found.difference == pytest.approx(0.09)
    # Bonett and Price (2012), equation 4, by hand: 13 and 4 of 102 after the added photos.
    middle, half = 9 / 102, 1.959964 * np.sqrt((17 / 102 - (9 / 102) ** 2) / 102)
    assert (found.low, found.high) == pytest.approx((middle - half, middle + half), abs=1e-6)
    assert found.method == "Bonett-Price"


def test_compare_paired__dependent_photos() -> None:
    first, second = disagreeing(80, 3, 12, 5)
    found = compare_paired(first, second, np.arange(100) % 4)
    assert found.scope == NEW_SIGNERS
    assert found.method == "cluster-robust t over 4 signers, at least Bonett-Price"


def test_compare_paired__models_that_never_disagree_have_an_interval_with_width() -> None:
    found = compare_paired(np.full(40, True), np.full(40, True), np.arange(40) % 4)
    assert found.difference == 0
    assert -0.2 < found.low < 0 < found.high < 0.2


def test_compare_paired__one_burst_is_worth_one_photo() -> None:
    found = compare_paired(np.full(40, False), np.full(40, True), bursts=[1] * 40)
    assert found.low < 0
    assert found.high == 1
