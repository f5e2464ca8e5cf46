"""Abstention: a threshold on the top probability below which the answer is "unsure".

The threshold keeps at least 95 % of the correctly classified validation photos answered. Its cost is known in
advance (about one correct answer in twenty is lost), and it needs photos of signs only. A rule that aims at
an accuracy would answer everything, even photos without a hand, if validation has no mistake.

Source: Hendrycks and Gimpel, ICLR 2017 (top probability as the score for mistakes and out-of-distribution
images); 95 % is the usual operating point (FPR at 95 % TPR: Liang, Li and Srikant, ICLR 2018).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.evaluation.json_result import JsonResult

KEEP = 0.95
_CURVE_POINTS = 101


@dataclass(frozen=True)
class CoverageCurve(JsonResult):
    """Accuracy on the answered photos at each coverage.

    Args:
        coverage: Shares of photos answered, rising to 1; at most 101 points.
        accuracy: Accuracy on the answered photos at each coverage.
        thresholds: Least top probability that is answered at each coverage, falling.
        area: Mean accuracy over all coverages, in [0, 1]; a random order gives the plain accuracy.
        accuracy_at_90: Accuracy on the 90 % of photos with the highest probability.
    """

    coverage: tuple[float, ...]
    accuracy: tuple[float, ...]
    thresholds: tuple[float, ...]
    area: float
    accuracy_at_90: float


@dataclass(frozen=True)
class Rejection(JsonResult):
    """Coverage and accuracy with a threshold on a set of photos.

    Args:
        threshold: Least top probability of an answer.
        coverage: Share of photos answered.
        accuracy: Accuracy on all photos, answered or not.
        answered_accuracy: Accuracy on the answered photos, None if none is.
        curve: The same for all thresholds.
    """

    threshold: float
    coverage: float
    accuracy: float
    answered_accuracy: float | None
    curve: CoverageCurve


def choose_threshold(probabilities: NDArray[np.floating[Any]], classes: NDArray[np.int64]) -> float:
    """Choose the highest threshold that keeps a share of the correct predictions answered.

    Args:
        probabilities: (N, K) floats of the validation photos, calibrated, rows summing to 1.
        classes: (N,) int64 in [0, K), their true classes.

    Returns:
        The threshold, in [0, 1]; 1 if no prediction is correct.

    Source: see the module.
    """
    correct = probabilities.max(axis=1)[probabilities.argmax(axis=1) == classes]
    return float(np.quantile(correct, 1 - KEEP, method="lower")) if len(correct) else 1.0


def measure_rejection(
    probabilities: NDArray[np.floating[Any]], classes: NDArray[np.int64], threshold: float
) -> Rejection:
    """Measure coverage and accuracy with a threshold.

    Args:
        probabilities: (N, K) floats in [0, 1], rows summing to 1.
        classes: (N,) int64 in [0, K), the true classes.
        threshold: Chosen on validation photos.

    Returns:
        Coverage, accuracy on the answered photos, and the curve over all thresholds.
    """
    answered = probabilities.max(axis=1) >= threshold
    correct = probabilities.argmax(axis=1) == classes
    return Rejection(
        threshold=threshold,
        coverage=float(answered.mean()),
        accuracy=float(correct.mean()),
        answered_accuracy=float(correct[answered].mean()) if answered.any() else None,
        curve=coverage_curve(probabilities.max(axis=1), correct),
    )


def coverage_curve(top: NDArray[np.floating[Any]], correct: NDArray[np.bool_]) -> CoverageCurve:
    """Return the accuracy on the photos with the highest probability, for each coverage.

    Photos of equal probability have no order: each counts with the accuracy of all of them.

    Args:
        top: (N,) floats in [0, 1], the top probabilities.
        correct: (N,) bool, whether each photo was classified correctly.

    Returns:
        The curve, its area and the accuracy at 90 % coverage.

    Source: Geifman and El-Yaniv, Selective Classification for Deep Neural Networks, NeurIPS 2017 (the area is
    1 minus their area under the risk-coverage curve).
    """
    _, block, counts = np.unique(-top, return_inverse=True, return_counts=True)
    sorted_top = -np.sort(-top)
    block_share = np.bincount(block, weights=correct) / counts
    n = len(top)
    accuracy = np.cumsum(np.repeat(block_share, counts)) / np.arange(1, n + 1)
    points = np.unique(np.linspace(0, n - 1, min(n, _CURVE_POINTS)).round().astype(np.int64))
    return CoverageCurve(
        coverage=tuple(float((point + 1) / n) for point in points),
        accuracy=tuple(float(accuracy[point]) for point in points),
        thresholds=tuple(float(sorted_top[point]) for point in points),
        area=float(accuracy.mean()),
        accuracy_at_90=float(accuracy[-(-9 * n // 10) - 1]),
    )


def rejected_share(
    probabilities: NDArray[np.floating[Any]], threshold: float, nothing: int | None = None
) -> float:
    """Measure how often photos that show no known sign are rejected.

    Args:
        probabilities: (N, K) floats for photos without a hand, or of other signs.
        threshold: Chosen on validation photos.
        nothing: Class of the label for "no sign", if there is one; predicting it is a rejection too.

    Returns:
        The share, in [0, 1], answered "unsure" or ``nothing``.
    """
    rejected = probabilities.max(axis=1) < threshold
    if nothing is not None:
        rejected |= probabilities.argmax(axis=1) == nothing
    return float(rejected.mean())
