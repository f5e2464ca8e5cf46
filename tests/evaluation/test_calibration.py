import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from handshape.errors import ShapeError
from handshape.evaluation.calibration import (
    ReliabilityBin,
    calibrated_probabilities,
    fit_temperature,
    measure_reliability,
)


def draw(n: int, classes: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Logits that mean what they say: the truth is drawn from their own softmax."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(n, classes)) * 3
    cumulated = calibrated_probabilities(logits, 1.0).cumsum(axis=1)
    return logits, (cumulated > generator.random((n, 1))).argmax(axis=1)


def separable(n: int, classes: int = 9) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    generator = np.random.default_rng(0)
    truth = np.arange(n) % classes
    return 10 * np.eye(classes)[truth] + generator.normal(size=(n, classes)), truth


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("classes", [2, 9])
def test_fit_temperature__finds_the_temperature_that_was_put_in(temperature: float, classes: int) -> None:
    logits, truth = draw(4000, classes, seed=1)
    assert fit_temperature(temperature * logits, truth) == pytest.approx(temperature, rel=0.1)


@pytest.mark.parametrize("n", [5, 50, 500])
def test_fit_temperature__all_right_claims_no_more_than_the_photos_support(n: int) -> None:
    logits, truth = separable(n)
    temperature = fit_temperature(logits, truth)
    doubt = 1 - calibrated_probabilities(logits, temperature).max(axis=1).mean()
    # One imaginary mistake among n photos: the mean doubt is near 1 / n, never 0.
    assert 0.5 / n < doubt < 2 / n


def test_fit_temperature__all_wrong_stays_bounded_and_knows_nothing() -> None:
    logits, truth = separable(50)
    temperature = fit_temperature(logits, (truth + 1) % 9)
    assert temperature == pytest.approx(20, rel=1e-3)
    assert calibrated_probabilities(logits, temperature).max() < 0.25


def test_fit_temperature__diverged_training() -> None:
    with pytest.raises(ShapeError, match="check the training for divergence"):
        fit_temperature(np.array([[np.nan, 0.0]]), np.array([0]))


def test_fit_temperature__one_photo_and_one_class() -> None:
    assert 0.05 <= fit_temperature(np.array([[2.0, 0.0]]), np.array([0])) <= 20
    assert fit_temperature(np.array([[2.0]]), np.array([0])) == 1


@settings(derandomize=True, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.05, 20))
def test_calibrated__rows_sum_to_one_and_the_answer_stays(seed: int, temperature: float) -> None:
    logits = np.random.default_rng(seed).normal(size=(4, 5)) * 30
    probabilities = calibrated_probabilities(logits.astype(np.float32), temperature)
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(4))
    assert probabilities.argmax(axis=1).tolist() == logits.argmax(axis=1).tolist()


def test_measure_reliability__figures_by_hand() -> None:
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.3, 0.7], [0.5, 0.5]])
    found = measure_reliability(probabilities, np.array([0, 1, 1, 0]), bins=10)
    # Bins at 0.9 (half right), 0.7 (right) and 0.5 (right), holding 2, 1 and 1 of 4 photos.
    assert found.ece == pytest.approx((2 * 0.4 + 0.3 + 0.5) / 4)
    assert found.brier == pytest.approx((2 * 0.01 + 2 * 0.81 + 2 * 0.09 + 2 * 0.25) / 4)
    assert found.nll == pytest.approx(-np.log([0.9, 0.1, 0.7, 0.5]).mean())
    assert [b.count for b in found.bins] == [0, 0, 0, 0, 0, 1, 0, 1, 0, 2]
    assert found.bins[0] == ReliabilityBin(0.0, 0.1, 0, None, None)
    assert found.bins[9].confidence == pytest.approx(0.9)
    assert found.bins[9].accuracy == 0.5


def test_measure_reliability__certain_and_right_is_perfect() -> None:
    found = measure_reliability(np.eye(3), np.arange(3))
    assert (found.ece, found.brier, found.nll) == (0, 0, 0)
    assert found.bins[-1].count == 3


def test_measure_reliability__certain_and_wrong_is_finite() -> None:
    found = measure_reliability(np.eye(2), np.array([1, 0]))
    assert (found.ece, found.brier) == (1, 2)
    assert 700 < found.nll < 710
