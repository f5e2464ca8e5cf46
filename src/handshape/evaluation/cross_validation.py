"""Leave one out: every signer, or every source, is tested once by a model that has never seen it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.data.dataset import GroupKind
from handshape.data.splits.leave_one_group_out import FoldPlan
from handshape.evaluation.calibration import Reliability, measure_reliability
from handshape.evaluation.evaluation import FitEvaluation
from handshape.evaluation.intervals.accuracy import (
    Interval,
    mean_over_groups_interval,
    mean_over_sources_interval,
)
from handshape.evaluation.json_result import JsonResult
from handshape.evaluation.metrics import GroupFigures, Metrics, compute_metrics
from handshape.evaluation.rejection import CoverageCurve, coverage_curve

# What is said of sources only; the figures of signers keep the keys that programs know.
_OF_SOURCES = ("kind", "signers_apart", "untested")


@dataclass(frozen=True)
class FoldFigures(JsonResult):
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
    curve: CoverageCurve
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


def measure_folds(
    results: Sequence[FitEvaluation], plan: FoldPlan, bursts: NDArray[np.int64] | None = None
) -> FoldFigures:
    """Put the folds of one model together.

    Args:
        results: One for each signer or source that was left out.
        plan: What was left out.
        bursts: (N,) int64, group of near-identical photos of each sample of the data set, for sources.

    Returns:
        The figures over all of them.
    """
    labels = results[0].tested.labels
    samples = [sample for result in results for sample in result.tested.samples]
    classes = np.concatenate([result.tested.classes for result in results])
    probabilities = np.concatenate([result.probabilities for result in results])
    correct = probabilities.argmax(axis=1) == classes
    signers, sources = [sample.signer for sample in samples], [sample.source for sample in samples]
    metrics = compute_metrics(classes, probabilities, labels, signers, sources)
    accuracies = {name: figures.accuracy for name, figures in groups_of(metrics, plan.kind).items()}
    worst = min(accuracies, key=lambda name: accuracies[name])
    if plan.kind == "signer":
        interval = mean_over_groups_interval(correct, signers)
    else:
        tested = np.concatenate([splits["test"] for splits in plan.folds.values()])
        interval = mean_over_sources_interval(correct, sources, None if bursts is None else bursts[tested])
    return FoldFigures(
        plan.kind,
        float(np.mean(list(accuracies.values()))),
        interval,
        worst,
        accuracies[worst],
        metrics,
        measure_reliability(probabilities, classes),
        coverage_curve(probabilities.max(axis=1), correct),
        sum(result.fitted.seconds["total"] for result in results),
        plan.signers_apart,
        plan.untested,
    )
