import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from handshape.evaluation.rejection import (
    choose_threshold,
    coverage_curve,
    measure_rejection,
    rejected_share,
)

repeatable = settings(derandomize=True, deadline=None)
scored = st.lists(st.tuples(st.integers(50, 100), st.booleans()), min_size=1, max_size=60)


def two_class(cases: list[tuple[int, bool]]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Photos of class 0 or 1, read as 0 with the given percentage; class 0 where that is right."""
    top = np.array([percent for percent, _ in cases]) / 100
    return np.stack([top, 1 - top], axis=1), np.array([0 if right else 1 for _, right in cases])


def test_choose_threshold__keeps_95_of_100_right_answers() -> None:
    top = np.linspace(0.5, 0.995, 100)
    probabilities = np.stack([top, 1 - top], axis=1)
    threshold = choose_threshold(probabilities, np.zeros(100, dtype=np.int64))
    # (100 - 1) * 0.05 rounds down to the fifth lowest of them.
    assert threshold == top[4]
    assert (top >= threshold).sum() == 96


@repeatable
@given(scored)
def test_choose_threshold__never_loses_more_right_answers_than_stated(cases: list[tuple[int, bool]]) -> None:
    probabilities, classes = two_class(cases)
    threshold = choose_threshold(probabilities, classes)
    right = probabilities.argmax(axis=1) == classes
    assert 0 <= threshold <= 1
    if right.any():
        assert (probabilities.max(axis=1) >= threshold)[right].mean() >= 0.95 - 1e-9


def test_choose_threshold__mistakes_do_not_move_it() -> None:
    right = [(90, True), (80, True), (95, True)]
    expected = choose_threshold(*two_class(right))
    assert choose_threshold(*two_class([*right, (51, False), (99, False)])) == expected


def test_choose_threshold__all_wrong_answers_certainty_only() -> None:
    assert choose_threshold(*two_class([(90, False), (80, False)])) == 1


def test_measure_rejection__figures_by_hand() -> None:
    found = measure_rejection(*two_class([(99, True), (90, True), (80, False), (60, True), (55, False)]), 0.8)
    assert (found.threshold, found.coverage, found.accuracy) == (0.8, 0.6, 0.6)
    assert found.answered_accuracy == pytest.approx(2 / 3)
    assert found.curve.coverage == pytest.approx((0.2, 0.4, 0.6, 0.8, 1.0))
    assert found.curve.accuracy == pytest.approx((1, 1, 2 / 3, 3 / 4, 3 / 5))
    assert found.curve.area == pytest.approx((1 + 1 + 2 / 3 + 3 / 4 + 3 / 5) / 5)


def test_measure_rejection__nothing_answered_has_no_accuracy() -> None:
    found = measure_rejection(*two_class([(60, True)]), 0.9)
    assert (found.coverage, found.answered_accuracy) == (0, None)
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["answered_accuracy"] is None


def test_coverage_accuracy__at_90_percent_leaves_out_the_least_sure_tenth() -> None:
    correct = np.arange(20) >= 2
    found = coverage_curve(np.linspace(0.1, 0.9, 20), correct)
    assert found.accuracy_at_90 == 1
    assert found.accuracy[-1] == pytest.approx(0.9)
    assert found.thresholds == pytest.approx(np.linspace(0.9, 0.1, 20))


def test_coverage_accuracy__equal_probabilities_give_the_plain_accuracy_throughout() -> None:
    found = coverage_curve(np.full(10, 0.7), np.arange(10) < 4)
    assert found.accuracy == pytest.approx([0.4] * 10)
    assert found.area == pytest.approx(0.4)


def test_coverage_accuracy__many_photos_are_thinned_to_101_points() -> None:
    generator = np.random.default_rng(0)
    found = coverage_curve(generator.random(5000), generator.random(5000) < 0.8)
    assert len(found.coverage) == len(found.accuracy) == 101
    assert found.coverage[-1] == 1


def test_refused_share__unsure_or_nothing() -> None:
    probabilities = np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8], [0.9, 0.05, 0.05], [0.2, 0.45, 0.35]])
    assert rejected_share(probabilities, 0.6) == 0.5
    assert rejected_share(probabilities, 0.6, nothing=2) == 0.75
