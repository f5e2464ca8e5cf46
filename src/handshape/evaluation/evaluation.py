"""A model's predictions on test photos, and all metrics of them."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from handshape.config.models import ModelName
from handshape.data.dataset import Dataset
from handshape.data.splits.claim import AccuracyClaim
from handshape.evaluation.calibration import Calibration, Reliability, fit_temperature, measure_reliability
from handshape.evaluation.intervals.accuracy import Interval, accuracy_interval
from handshape.evaluation.intervals.grouping import Groups
from handshape.evaluation.metrics import Metrics, compute_metrics
from handshape.evaluation.rejection import Rejection, choose_threshold, measure_rejection
from handshape.run import safe_cell
from handshape.training.temperature import probabilities_of

if TYPE_CHECKING:
    from handshape.training.fit_result import FitResult  # `evaluate` needs no torch


@dataclass(frozen=True)
class Evaluation:
    """Predictions on test photos and their metrics.

    Args:
        model: Name of the model.
        tested: N photos.
        probabilities: (N, K) float32, calibrated.
        metrics: Accuracy, and metrics per label, signer and source.
        interval: 95 % interval of the accuracy.
        reliability: Calibration of the probabilities.
        rejection: Coverage and accuracy with the threshold for "unsure".
        mirrored_accuracy: Accuracy on the mirror images of the same photos; None where not measured.
    """

    model: ModelName
    tested: Dataset
    probabilities: NDArray[np.float32]
    metrics: Metrics
    interval: Interval
    reliability: Reliability
    rejection: Rejection
    mirrored_accuracy: float | None

    @property
    def predicted(self) -> NDArray[np.int64]:
        """(N,) int64, the most probable class of each photo."""
        return np.asarray(self.probabilities.argmax(axis=1), dtype=np.int64)

    @property
    def correct(self) -> NDArray[np.bool_]:
        """(N,) bool, whether each photo was classified correctly."""
        return np.asarray(self.predicted == self.tested.classes)

    @property
    def accuracy(self) -> float:
        """Share of photos that were classified correctly."""
        return self.metrics.accuracy


@dataclass(frozen=True)
class FitEvaluation(Evaluation):
    """The evaluation of a model on the test photos of its own split.

    Args:
        fitted: The model.
        calibration: Calibration before and after temperature scaling.
        valid_correct: (M,) bool, whether each validation photo was classified correctly.
        valid_loss: Mean negative log-likelihood of the validation photos in nats, calibrated.
    """

    fitted: "FitResult"
    calibration: Calibration
    valid_correct: NDArray[np.bool_]
    valid_loss: float

    def to_dict(self) -> dict[str, Any]:
        """Return the model's part of ``metrics.json``."""
        figures = self.metrics.to_dict()
        return {
            "valid_accuracy": self.fitted.valid_accuracy,
            "test_accuracy": self.accuracy,
            "test_interval": [self.interval.low, self.interval.high],
            "seconds": self.fitted.seconds,
            "parameters": self.fitted.parameters,
            "interval_method": self.interval.method,
            "interval_scope": self.interval.scope,
            "mirrored_accuracy": self.mirrored_accuracy,
            **{key: figures[key] for key in figures if key not in ("n", "accuracy")},
            "calibration": self.calibration.to_dict(),
            "rejection": self.rejection.to_dict(),
        }


def worst_mistakes(
    probabilities: NDArray[np.float32], classes: NDArray[np.int64], bursts: NDArray[np.int64] | None = None
) -> list[int]:
    """Return the positions of the wrong predictions, the least probability for the true class first.

    Args:
        probabilities: (N, K) float32.
        classes: (N,) int64 in [0, K), the true classes.
        bursts: (N,) int64, the burst of each photo: the worst mistake of each burst comes before the others.
    """
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != classes)
    own = probabilities[wrong, classes[wrong]]
    worst = wrong[np.argsort(own, kind="stable")]
    if bursts is not None:
        later = np.ones(len(worst), dtype=bool)
        later[np.unique(bursts[worst], return_index=True)[1]] = False
        worst = np.concatenate([worst[~later], worst[later]])
    return [int(i) for i in worst]


def evaluate_predictions(
    model: ModelName,
    tested: Dataset,
    probabilities: NDArray[np.float32],
    threshold: float,
    *,
    bursts: Groups | None = None,
    mirrored_accuracy: float | None = None,
    claim: AccuracyClaim | None = None,
) -> Evaluation:
    """Compute all metrics of predictions.

    Args:
        model: Name of the model.
        tested: N photos.
        probabilities: (N, K) float32, calibrated.
        threshold: Probability below which the answer is "unsure".
        bursts: (N,) burst of each photo, if known.
        mirrored_accuracy: Accuracy on their mirror images, where measured.
        claim: What the accuracy may claim; None where nothing is known of the training photos.
    """
    signers = [sample.signer for sample in tested.samples]
    sources = [sample.source for sample in tested.samples]
    correct = probabilities.argmax(axis=1) == tested.classes
    interval = accuracy_interval(correct, signers, bursts)
    if claim is not None:
        interval = replace(interval, scope=claim.scope(interval.scope))
    return Evaluation(
        model,
        tested,
        probabilities,
        compute_metrics(tested.classes, probabilities, tested.labels, signers, sources),
        interval,
        measure_reliability(probabilities, tested.classes),
        measure_rejection(probabilities, tested.classes, threshold),
        mirrored_accuracy,
    )


def evaluate_fit(
    fitted: "FitResult",
    valid: Dataset,
    tested: Dataset,
    bursts: Groups | None = None,
    claim: AccuracyClaim | None = None,
) -> FitEvaluation:
    """Calibrate a fitted model on photos it was not fitted to, and measure it on the test photos.

    Args:
        fitted: The model, with its logits.
        valid: M validation photos.
        tested: N test photos.
        bursts: (N,) burst of each test photo, if known.
        claim: As for `evaluate_predictions`.
    """
    logits = {name: rows.numpy() for name, rows in fitted.logits.items()}
    known, classes = fitted.held_out or (fitted.logits["valid"], valid.classes)
    temperature = fit_temperature(known.numpy(), classes)
    of_valid = probabilities_of(fitted.logits["valid"], temperature)
    found = evaluate_predictions(
        fitted.name,
        tested,
        probabilities_of(fitted.logits["test"], temperature),
        choose_threshold(probabilities_of(known, temperature), classes),
        bursts=bursts,
        claim=claim,
        mirrored_accuracy=_accuracy(logits.get("mirrored"), tested),
    )
    return FitEvaluation(
        **vars(found),
        fitted=fitted,
        calibration=Calibration(
            temperature,
            before=measure_reliability(probabilities_of(fitted.logits["test"]), tested.classes),
            after=found.reliability,
        ),
        valid_correct=np.asarray(of_valid.argmax(axis=1) == valid.classes),
        valid_loss=measure_reliability(of_valid, valid.classes).nll,
    )


def _accuracy(logits: NDArray[np.float32] | None, tested: Dataset) -> float | None:
    return None if logits is None else float((logits.argmax(axis=1) == tested.classes).mean())


def write_predictions(path: Path, results: Sequence[Evaluation]) -> None:
    """Write every prediction as a CSV table."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["model", "path", "label", "signer", "split", "predicted", "probability"])
        for result in results:
            rows = zip(result.tested.samples, result.predicted, result.probabilities, strict=True)
            for sample, best, row in rows:
                known = [sample.name, sample.label, sample.signer or "", sample.split or ""]
                cells = map(safe_cell, [*known, result.tested.labels[best]])
                writer.writerow([result.model, *cells, f"{row[best]:.6f}"])
