"""Cross-validation that leaves out each signer, or each source, once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.data.dataset import GroupKind
from handshape.data.splits.leave_one_group_out import FoldPlan
from handshape.evaluation.calibration import Reliability, measure_reliability
from handshape.evaluation.evaluation import Evaluation
from handshape.evaluation.intervals.accuracy import (
    Interval,
    mean_over_groups_interval,
    mean_over_sources_interval,
)
from handshape.evaluation.intervals.next_group import NextGroup, predict_next
from handshape.evaluation.json_result import JsonResult
from handshape.evaluation.metrics import GroupFigures, Metrics, compute_metrics
from handshape.evaluation.rejection import CoverageCurve, coverage_curve

# Keys of sources only; the keys for signers are part of the contract.
_OF_SOURCES = ("kind", "signers_apart", "untested")


@dataclass(frozen=True)
class FoldFigures(JsonResult):
    """Results of a model when each signer, or each source, is left out once.

    Args:
        kind: What is left out.
        mean: Mean of their accuracies, each with the same weight.
        interval: 95 % interval of the mean.
        worst_name: The signer or source with the lowest accuracy.
        worst: Its accuracy.
        metrics: Metrics over all photos, each predicted by the model that was not trained on its signer or
            source.
        reliability: Calibration after temperature scaling in each fold.
        curve: Accuracy against coverage.
        seconds: Duration of all folds.
        next_group: Range for the accuracy of one more signer or source; None for fewer than three.
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
    next_group: NextGroup | None
    signers_apart: bool | None
    untested: int

    @property
    def groups(self) -> Mapping[str, GroupFigures]:
        """Metrics of each signer or source that was left out, sorted by name."""
        return groups_of(self.metrics, self.kind)

    def to_dict(self) -> dict[str, Any]:
        """Return the results for ``metrics.json``, with ``worst_signer`` or ``worst_source``."""
        found = super().to_dict()
        found[f"worst_{self.kind}"] = found.pop("worst_name")
        found[f"next_{self.kind}"] = found.pop("next_group")
        left_out = _OF_SOURCES if self.kind == "signer" else ()
        return {key: value for key, value in found.items() if key not in left_out}

    def without_names(self) -> dict[str, Any]:
        """Return the results for a bundle, which may be published: without any names."""
        return {
            "kind": self.kind,
            "count": len(self.groups),
            "mean": self.mean,
            "interval": self.interval.pair,
            "interval_scope": self.interval.scope,
            "worst": self.worst,
            "next": self.next_group.to_dict() if self.next_group else None,
        }


def groups_of(metrics: Metrics, kind: GroupKind) -> Mapping[str, GroupFigures]:
    """Return the metrics per signer, or per source."""
    return metrics.signers if kind == "signer" else metrics.sources


def _next_group(groups: Mapping[str, GroupFigures]) -> NextGroup | None:
    photos = np.array([one.n for one in groups.values()], dtype=np.int64)
    correct = np.array([round(one.accuracy * one.n) for one in groups.values()], dtype=np.int64)
    return predict_next(correct, photos)


def measure_folds(
    results: Sequence[Evaluation],
    plan: FoldPlan,
    bursts: NDArray[np.int64] | None = None,
    *,
    seconds: float = 0.0,
) -> FoldFigures:
    """Combine the folds of one model, which took so many seconds; ``bursts`` are those of all N photos."""
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
        seconds,
        _next_group(groups_of(metrics, plan.kind)),
        plan.signers_apart,
        plan.untested,
    )
