"""Leave one out: every signer, or every source, is tested once by a model that has never seen it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.data.dataset import Dataset, GroupKind
from handshape.errors import SplitError
from handshape.evaluation.calibration import Reliability, measure_reliability
from handshape.evaluation.figure import Figure
from handshape.evaluation.intervals.accuracy import (
    Interval,
    mean_over_groups_interval,
    mean_over_sources_interval,
)
from handshape.evaluation.judge import Judged
from handshape.evaluation.metrics import GroupFigures, Metrics, measure
from handshape.evaluation.rejection import Curve, coverage_accuracy
from handshape.training.fitted import Sides

_LEAST = 3
# What is said of sources only; the figures of signers keep the keys that programs know.
_OF_SOURCES = ("kind", "signers_apart", "untested")


@dataclass(frozen=True)
class FoldPlan:
    """Which photos are on which side when each is left out.

    Args:
        kind: What is left out.
        sides: Indices of the samples on each side, by who or what is left out.
        signers_apart: For sources: whether nobody in a source that is left out is learnt from; ``None`` where
            not everyone is known.
        untested: For sources: number of photos that no fold tests, because their source is not known or no
            other source shows their label.
    """

    kind: GroupKind
    sides: dict[str, Sides]
    signers_apart: bool | None = None
    untested: int = 0


@dataclass(frozen=True)
class FoldFigures(Figure):
    """What a model reaches when each signer, or each source, is left out once.

    Args:
        kind: What is left out.
        mean: Mean of their accuracies: each counts the same.
        interval: 95 % interval of the mean.
        worst_name: The signer or source it reads worst.
        worst: Accuracy on that one.
        metrics: Figures over all photos, each read by the model that had not seen its signer or source.
        reliability: Whether the probabilities can be believed, after temperature scaling in each fold.
        curve: Accuracy when only the surest photos are answered.
        seconds: Of all folds.
        signers_apart: As in the plan.
        untested: As in the plan.
    """

    kind: GroupKind
    mean: float
    interval: Interval
    worst_name: str
    worst: float
    metrics: Metrics
    reliability: Reliability
    curve: Curve
    seconds: float
    signers_apart: bool | None
    untested: int

    @property
    def groups(self) -> Mapping[str, GroupFigures]:
        """Figures of each that was left out, sorted by name."""
        return groups_of(self.metrics, self.kind)

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as ``metrics.json`` holds them: ``worst_signer`` or ``worst_source``."""
        found = super().to_dict()
        found[f"worst_{self.kind}"] = found.pop("worst_name")
        left_out = _OF_SOURCES if self.kind == "signer" else ()
        return {key: value for key, value in found.items() if key not in left_out}

    def without_names(self) -> dict[str, Any]:
        """Return what a bundle says of them: it may be published, and names nobody and no place."""
        return {
            "kind": self.kind,
            "count": len(self.groups),
            "mean": self.mean,
            "interval": self.interval.pair,
            "interval_scope": self.interval.scope,
            "worst": self.worst,
        }


def groups_of(metrics: Metrics, kind: GroupKind) -> Mapping[str, GroupFigures]:
    """Return the figures per signer, or per source."""
    return metrics.signers if kind == "signer" else metrics.sources


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


def measure_folds(
    results: Sequence[Judged], plan: FoldPlan | None = None, bursts: NDArray[np.int64] | None = None
) -> FoldFigures:
    """Put the folds of one model together.

    Args:
        results: One for each signer or source that was left out.
        plan: What was left out; ``None`` for signers.
        bursts: (N,) int64, group of near-identical photos of each sample of the data set, for sources.

    Returns:
        The figures over all of them.
    """
    plan = plan or FoldPlan("signer", {})
    labels = results[0].tested.labels
    samples = [sample for result in results for sample in result.tested.samples]
    classes = np.concatenate([result.tested.classes for result in results])
    probabilities = np.concatenate([result.probabilities for result in results])
    correct = probabilities.argmax(axis=1) == classes
    signers, sources = [sample.signer for sample in samples], [sample.source for sample in samples]
    metrics = measure(classes, probabilities, labels, signers, sources)
    accuracies = {name: figures.accuracy for name, figures in groups_of(metrics, plan.kind).items()}
    worst = min(accuracies, key=lambda name: accuracies[name])
    if plan.kind == "signer":
        interval = mean_over_groups_interval(correct, signers)
    else:
        tested = np.concatenate([sides["test"] for sides in plan.sides.values()])
        interval = mean_over_sources_interval(correct, sources, None if bursts is None else bursts[tested])
    return FoldFigures(
        plan.kind,
        float(np.mean(list(accuracies.values()))),
        interval,
        worst,
        accuracies[worst],
        metrics,
        measure_reliability(probabilities, classes),
        coverage_accuracy(probabilities.max(axis=1), correct),
        sum(result.fitted.seconds["total"] for result in results),
        plan.signers_apart,
        plan.untested,
    )
