"""Calibration: how well probabilities match accuracy, and temperature scaling."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.errors import ShapeError
from handshape.evaluation.json_result import JsonResult
from handshape.training.temperature import likeliest_temperature, probabilities_of

BINS = 15
# Beyond these, probabilities are practically one-hot or uniform.
_BOUNDS = (0.05, 20.0)


@dataclass(frozen=True)
class ReliabilityBin(JsonResult):
    """The photos whose top probability lies in [low, high), the last bin's in [low, 1].

    Args:
        low: Lower edge.
        high: Upper edge.
        count: Number of photos.
        confidence: Their mean top probability, None if there are none.
        accuracy: Their accuracy, None if there are none.
    """

    low: float
    high: float
    count: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True)
class Reliability(JsonResult):
    """How well probabilities match accuracy on one set of photos.

    Args:
        ece: Expected calibration error over 15 equally wide bins, in [0, 1]: the mean distance between
            confidence and accuracy of a bin, each photo counting the same.
        brier: Brier score, in [0, 2]: mean squared distance of the probabilities from the one-hot true class.
        nll: Negative log-likelihood of the true classes, mean per photo, in nats.
        bins: The 15 equally wide bins, for the reliability diagram.
    """

    ece: float
    brier: float
    nll: float
    bins: tuple[ReliabilityBin, ...]


@dataclass(frozen=True)
class Calibration(JsonResult):
    """Test photos before and after temperature scaling.

    Args:
        temperature: Divides the logits; above 1, the network was overconfident.
        before: With temperature 1.
        after: With the temperature fitted on validation photos.
    """

    temperature: float
    before: Reliability
    after: Reliability


def calibrated_probabilities(logits: NDArray[np.floating[Any]], temperature: float) -> NDArray[np.float64]:
    """Turn logits into probabilities at a temperature; the predicted class does not change.

    Args:
        logits: (N, K) floats.
        temperature: Divides the logits, above 0.

    Returns:
        (N, K) float64, rows summing to 1.

    Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017.
    """
    return probabilities_of(logits, temperature).astype(np.float64)


def fit_temperature(logits: NDArray[np.floating[Any]], classes: NDArray[np.int64]) -> float:
    """Find the temperature with the highest likelihood on validation photos.

    One mistake is added: an average photo whose true class was the second most probable. Without it, a
    validation set without mistakes would give a temperature of 0, which N photos do not justify. Its weight
    is 1/N, so it has no effect with many photos.

    Args:
        logits: (N, K) floats of the validation photos.
        classes: (N,) int64 in [0, K), their true classes.

    Returns:
        The temperature, in [0.05, 20]; 1 if there is only one class.

    Raises:
        ShapeError: A logit is not finite, as after a training that diverged.

    Source: Guo et al., ICML 2017 (temperature scaling); the added mistake is additive smoothing of targets
    as in Platt, Probabilistic Outputs for Support Vector Machines, 1999.
    """
    if not np.isfinite(logits).all():
        raise ShapeError("scores that are not finite", "finite numbers", "check the training for divergence")
    return likeliest_temperature(logits, classes, _BOUNDS)[0] if logits.shape[1] > 1 else 1.0


def measure_reliability(
    probabilities: NDArray[np.floating[Any]], classes: NDArray[np.int64], bins: int = BINS
) -> Reliability:
    """Compare the top probabilities with the accuracy.

    With few photos even a perfectly calibrated recogniser has a calibration error above 0: about 0.08 with
    200 photos and an accuracy of two thirds (``benchmarks/calibration_floor.py``).

    Args:
        probabilities: (N, K) floats in [0, 1], rows summing to 1.
        classes: (N,) int64 in [0, K), the true classes.
        bins: Number of bins.

    Returns:
        Calibration error, Brier score, negative log-likelihood and the bins.

    Source: Naeini, Cooper and Hauskrecht, AAAI 2015 (expected calibration error); Brier, Monthly Weather
    Review 78 (1950) 1-3.
    """
    top, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == classes
    edges = np.linspace(0, 1, bins + 1)
    wide = np.minimum((top * bins).astype(np.int64), bins - 1)
    truth = np.eye(probabilities.shape[1])[classes]
    chosen = probabilities[np.arange(len(classes)), classes].astype(np.float64)
    # Count times |accuracy - confidence| of a bin is |correct predictions - sum of confidences|.
    gaps = np.bincount(wide, weights=correct - top.astype(np.float64), minlength=bins)
    return Reliability(
        ece=float(np.abs(gaps).sum() / len(top)),
        brier=float(((probabilities - truth) ** 2).sum(axis=1).mean()),
        # A probability that underflowed to 0 would make the mean infinite.
        nll=float(-np.log(np.maximum(chosen, np.finfo(np.float64).tiny)).mean()),
        bins=tuple(
            _bin(float(edges[b]), float(edges[b + 1]), top[wide == b], correct[wide == b])
            for b in range(bins)
        ),
    )


def _bin(low: float, high: float, top: NDArray[Any], correct: NDArray[np.bool_]) -> ReliabilityBin:
    if not len(top):
        return ReliabilityBin(low, high, 0, None, None)
    return ReliabilityBin(low, high, len(top), float(top.mean()), float(correct.mean()))
