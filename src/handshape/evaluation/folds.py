"""Leave one signer out: every signer is tested once by a model that has never seen them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from handshape.data.sample import Dataset
from handshape.errors import SplitError
from handshape.evaluation.calibration import Reliability, measure_reliability
from handshape.evaluation.figure import Figure
from handshape.evaluation.intervals import Interval, mean_over_groups_interval
from handshape.evaluation.judge import Judged
from handshape.evaluation.metrics import Metrics, measure
from handshape.evaluation.rejection import Curve, coverage_accuracy
from handshape.training.fitted import Sides

_LEAST = 3


@dataclass(frozen=True)
class FoldFigures(Figure):
    """What a model reaches when each signer is left out once.

    Args:
        mean: Mean of the signers' accuracies: every signer counts the same.
        interval: 95 % interval of the mean.
        worst_signer: The signer it reads worst.
        worst: Accuracy on that signer.
        metrics: Figures over all photos, each read by the model that had not seen its signer.
        reliability: Whether the probabilities can be believed, after temperature scaling in each fold.
        curve: Accuracy when only the surest photos are answered.
        seconds: Of all folds.
    """

    mean: float
    interval: Interval
    worst_signer: str
    worst: float
    metrics: Metrics
    reliability: Reliability
    curve: Curve
    seconds: float


def signer_folds(dataset: Dataset) -> dict[str, Sides]:
    """Make one split for each signer: that signer is test, the smallest other one is valid, the rest train.

    Args:
        dataset: Samples with at least three known signers; those of unknown signers are always train.

    Returns:
        Indices of the samples on each side, by the signer who is left out.

    Raises:
        SplitError: Fewer than three signers are known.
    """
    if len(dataset.signers) < _LEAST:
        raise SplitError(
            f"{len(dataset.signers)} known signers for --folds signers",
            "at least three",
            "name them with --signer or a signer column",
        )
    who = np.array([sample.signer or "" for sample in dataset.samples])
    sizes = Counter(who[who != ""].tolist())
    folds: dict[str, Sides] = {}
    for signer in dataset.signers:
        smallest = min((name for name in sizes if name != signer), key=lambda name: (sizes[name], name))
        is_test, is_valid = who == signer, who == smallest
        folds[signer] = {
            "train": np.flatnonzero(~is_test & ~is_valid),
            "valid": np.flatnonzero(is_valid),
            "test": np.flatnonzero(is_test),
        }
    return folds


def measure_folds(results: Sequence[Judged]) -> FoldFigures:
    """Put the folds of one model together.

    Args:
        results: One for each signer.

    Returns:
        The figures over all of them.
    """
    labels = results[0].tested.labels
    samples = [sample for result in results for sample in result.tested.samples]
    classes = np.concatenate([result.tested.classes for result in results])
    probabilities = np.concatenate([result.probabilities for result in results])
    correct = probabilities.argmax(axis=1) == classes
    signers = [sample.signer for sample in samples]
    metrics = measure(classes, probabilities, labels, signers)
    accuracies = {name: figures.accuracy for name, figures in metrics.signers.items()}
    worst = min(accuracies, key=lambda name: accuracies[name])
    return FoldFigures(
        float(np.mean(list(accuracies.values()))),
        mean_over_groups_interval(correct, signers),
        worst,
        accuracies[worst],
        metrics,
        measure_reliability(probabilities, classes),
        coverage_accuracy(probabilities.max(axis=1), correct),
        sum(result.fitted.seconds["total"] for result in results),
    )
