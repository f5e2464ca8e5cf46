"""What a fitted model is worth on photos it was not trained on."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.data.dataset import Dataset
from handshape.evaluation.calibration import Calibration, calibrate, measure_reliability
from handshape.evaluation.intervals.accuracy import Interval, accuracy_interval
from handshape.evaluation.intervals.grouping import Groups
from handshape.evaluation.metrics import Metrics, measure
from handshape.evaluation.rejection import Rejection, choose_threshold, measure_rejection
from handshape.training.fitted import Fitted
from handshape.training.predict import probabilities_of


@dataclass(frozen=True)
class Judged:
    """A fitted model with its answers on the test photos and the figures made of them.

    Args:
        fitted: The model.
        tested: The test side of the split.
        probabilities: (N, K) float32 at the temperature fitted on valid.
        metrics: Accuracy, and figures per label and per signer.
        interval: 95 % interval of the accuracy.
        calibration: Whether its probabilities can be believed, before and after temperature scaling.
        rejection: What happens when it may answer "unsure".
        mirrored_accuracy: Accuracy on the mirror images of the same photos; None where they were not read.
        valid_loss: Mean negative log-likelihood of the valid photos in nats, at the temperature.
        quick_accuracy: Accuracy on the test photos read in the precision of training, where that is not
            float32; None where it is.
    """

    fitted: Fitted
    tested: Dataset
    probabilities: NDArray[np.float32]
    metrics: Metrics
    interval: Interval
    calibration: Calibration
    rejection: Rejection
    mirrored_accuracy: float | None
    valid_loss: float
    quick_accuracy: float | None = None

    @property
    def predicted(self) -> NDArray[np.int64]:
        """(N,) int64, the most probable class of each photo."""
        best: NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return best

    @property
    def correct(self) -> NDArray[np.bool_]:
        """(N,) bool, whether each photo is read right."""
        return np.asarray(self.predicted == self.tested.classes)

    @property
    def accuracy(self) -> float:
        """Share of photos read right."""
        return self.metrics.accuracy

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
            **({} if self.quick_accuracy is None else {"training_precision_accuracy": self.quick_accuracy}),
            **{key: figures[key] for key in figures if key not in ("n", "accuracy")},
            "calibration": self.calibration.to_dict(),
            "rejection": self.rejection.to_dict(),
        }

    def worst(self, count: int = 12) -> list[int]:
        """Return the positions of the photos read wrong with the least probability for their own label."""
        return worst_first(self.probabilities, self.tested.classes)[:count]


def worst_first(probabilities: NDArray[np.float32], classes: NDArray[np.int64]) -> list[int]:
    """Return where the photos read wrong are, those that gave their own label the least probability first.

    Args:
        probabilities: (N, K) float32.
        classes: (N,) int64 in [0, K), the true classes.
    """
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != classes)
    own = probabilities[wrong, classes[wrong]]
    return [int(i) for i in wrong[np.argsort(own, kind="stable")]]


def judge(fitted: Fitted, valid: Dataset, tested: Dataset, bursts: Groups | None = None) -> Judged:
    """Measure a fitted model on the test photos.

    Args:
        fitted: The model, with its logits.
        valid: The valid side of the split, on which temperature and threshold are fitted.
        tested: The test side.
        bursts: (N,) burst of each test photo, where bursts were looked for.
    """
    logits = {side: rows.numpy() for side, rows in fitted.logits.items()}
    calibration = calibrate(logits["valid"], valid.classes, logits["test"], tested.classes)
    temperature = calibration.temperature
    probabilities = probabilities_of(fitted.logits["test"], temperature)
    seen = probabilities_of(fitted.logits["valid"], temperature)
    threshold = choose_threshold(seen, valid.classes)
    signers = [sample.signer for sample in tested.samples]
    sources = [sample.source for sample in tested.samples]
    correct = probabilities.argmax(axis=1) == tested.classes
    return Judged(
        fitted,
        tested,
        probabilities,
        measure(tested.classes, probabilities, tested.labels, signers, sources),
        accuracy_interval(correct, signers, bursts),
        calibration,
        measure_rejection(probabilities, tested.classes, threshold),
        _accuracy(logits.get("mirrored"), tested),
        measure_reliability(seen, valid.classes).nll,
        _accuracy(logits.get("quick"), tested),
    )


def _accuracy(logits: NDArray[np.float32] | None, tested: Dataset) -> float | None:
    return None if logits is None else float((logits.argmax(axis=1) == tested.classes).mean())


def write_predictions(path: Path, results: Sequence[Judged]) -> None:
    """Write every answer on the test photos as a table.

    Args:
        path: CSV file to write.
        results: One or more models on the same photos.
    """
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["model", "path", "label", "signer", "split", "predicted", "probability"])
        for result in results:
            rows = zip(result.tested.samples, result.predicted, result.probabilities, strict=True)
            for sample, best, row in rows:
                known = [sample.name, sample.label, sample.signer or "", sample.split]
                label = result.tested.labels[best]
                writer.writerow([result.fitted.name, *known, label, f"{row[best]:.6f}"])
