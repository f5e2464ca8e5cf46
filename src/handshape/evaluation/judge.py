"""What a fitted model is worth on photos it was not trained on."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.data.sample import Dataset, Sample
from handshape.evaluation.intervals import Interval, accuracy_interval
from handshape.evaluation.metrics import Metrics, measure
from handshape.training.fit import Fitted
from handshape.training.loop import probabilities_of


@dataclass(frozen=True)
class Judged:
    """A fitted model with its answers on the test photos.

    Args:
        fitted: The model.
        samples: N test samples.
        classes: (N,) int64 true classes.
        probabilities: (N, K) float32.
        metrics: Accuracy, and figures per label and per signer.
        interval: 95 % interval of the accuracy.
    """

    fitted: Fitted
    samples: tuple[Sample, ...]
    classes: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    metrics: Metrics
    interval: Interval

    @property
    def predicted(self) -> NDArray[np.int64]:
        """(N,) int64, the most probable class of each photo."""
        best: NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return best

    @property
    def accuracy(self) -> float:
        """Share of photos read right."""
        return self.metrics.accuracy

    def to_dict(self) -> dict[str, Any]:
        """Return the model's part of ``metrics.json``."""
        return {
            "valid_accuracy": self.fitted.valid_accuracy,
            "test_accuracy": self.accuracy,
            "test_interval": [self.interval.low, self.interval.high],
            "seconds": self.fitted.seconds,
            "parameters": self.fitted.parameters,
            **{key: value for key, value in self.metrics.to_dict().items() if key not in ("n", "accuracy")},
        }

    def worst(self, count: int = 12) -> list[int]:
        """Return the positions of the photos read wrong with the least probability for their own label."""
        wrong = np.flatnonzero(self.predicted != self.classes)
        own = self.probabilities[wrong, self.classes[wrong]]
        return [int(i) for i in wrong[np.argsort(own, kind="stable")][:count]]


def judge(fitted: Fitted, tested: Dataset) -> Judged:
    """Measure a fitted model on the test photos.

    Args:
        fitted: The model, with its logits of the test photos.
        tested: The test side of the split.
    """
    probabilities = probabilities_of(fitted.logits["test"])
    signers = [sample.signer for sample in tested.samples]
    metrics = measure(tested.classes, probabilities, tested.labels, signers)
    interval = accuracy_interval(probabilities.argmax(axis=1) == tested.classes, signers)
    return Judged(fitted, tested.samples, tested.classes, probabilities, metrics, interval)


def write_predictions(path: Path, results: Sequence[Judged], labels: Sequence[str]) -> None:
    """Write every answer on the test photos as a table.

    Args:
        path: CSV file to write.
        results: One or more models on the same photos.
        labels: K labels.
    """
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["model", "path", "label", "signer", "split", "predicted", "probability"])
        for result in results:
            for sample, best, row in zip(result.samples, result.predicted, result.probabilities, strict=True):
                known = [sample.name, sample.label, sample.signer or "", sample.split]
                writer.writerow([result.fitted.name, *known, labels[best], f"{row[best]:.6f}"])
