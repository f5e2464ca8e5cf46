"""Accuracy over all photos and per label, signer and source, and the confusion matrix."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_fscore_support

from handshape.evaluation.intervals.grouping import Groups
from handshape.evaluation.json_result import JsonResult


@dataclass(frozen=True)
class LabelFigures(JsonResult):
    """Metrics of one label.

    Args:
        precision: Share of the photos predicted as this label that have it; None if there are none.
        recall: Share of the photos of this label that are predicted correctly; None if there are none.
        f1: Harmonic mean of precision and recall; None if no photo has this label.
        support: Number of photos of this label.
    """

    precision: float | None
    recall: float | None
    f1: float | None
    support: int


@dataclass(frozen=True)
class GroupFigures(JsonResult):
    """Metrics of one signer, or of one source.

    Args:
        accuracy: Share of their photos that are classified correctly.
        n: Number of their photos.
    """

    accuracy: float
    n: int


@dataclass(frozen=True)
class Confusion(JsonResult):
    """A label that is predicted as another one.

    Args:
        true: True label.
        predicted: Predicted label.
        count: Number of photos.
        share: Fraction of the photos of ``true``.
    """

    true: str
    predicted: str
    count: int
    share: float


@dataclass(frozen=True)
class Metrics(JsonResult):
    """Metrics of one model on one set of photos.

    Args:
        n: Number of photos.
        accuracy: Share of photos that are classified correctly.
        macro_f1: Mean F1 of the labels with photos.
        labels: Metrics per label, in class order, labels without photos included.
        missing_labels: Labels without photos.
        signers: Metrics per signer, sorted by name; empty if no signer is known.
        sources: Metrics per source, in the same way.
        confusion: K rows of K counts: true label by row, predicted label by column.
        most_confused: The most frequent mistake; among equals, the one with the larger share of its
            label.
    """

    n: int
    accuracy: float
    macro_f1: float
    labels: Mapping[str, LabelFigures]
    missing_labels: tuple[str, ...]
    signers: Mapping[str, GroupFigures]
    sources: Mapping[str, GroupFigures]
    confusion: tuple[tuple[int, ...], ...]
    most_confused: Confusion | None


def compute_metrics(
    classes: NDArray[np.int64],
    probabilities: NDArray[np.floating[Any]],
    labels: Sequence[str],
    signers: Groups | None = None,
    sources: Groups | None = None,
) -> Metrics:
    """Compare predictions, the most probable classes, with the true classes.

    Args:
        classes: (N,) int64 in [0, K), the true classes.
        probabilities: (N, K) floats in [0, 1], rows summing to 1.
        labels: K label names in class order.
        signers: (N,) signer of each photo, None where unknown.
        sources: (N,) source of each photo, None where unknown.
    """
    predicted = probabilities.argmax(axis=1)
    k = len(labels)
    # scikit-learn's confusion_matrix warns for a single class.
    counts = np.bincount(classes * k + predicted, minlength=k * k).reshape(k, k)
    confusion = tuple(tuple(row) for row in counts.tolist())
    figures = _label_figures(classes, predicted, labels)
    seen = [figure.f1 for figure in figures.values() if figure.f1 is not None]
    return Metrics(
        n=len(classes),
        accuracy=float((predicted == classes).mean()),
        macro_f1=float(np.mean(seen)),
        labels=figures,
        missing_labels=tuple(label for label, figure in figures.items() if figure.support == 0),
        signers=_group_figures(predicted == classes, signers),
        sources=_group_figures(predicted == classes, sources),
        confusion=confusion,
        most_confused=next(iter(_confusions(confusion, labels)), None),
    )


def _label_figures(
    classes: NDArray[np.int64], predicted: NDArray[np.int64], labels: Sequence[str]
) -> dict[str, LabelFigures]:
    precision, recall, f1, support = precision_recall_fscore_support(
        classes, predicted, labels=range(len(labels)), zero_division=np.nan
    )
    return {
        label: LabelFigures(
            precision=_known(precision[k]),
            recall=_known(recall[k]),
            # scikit-learn gives 0 for a label that is predicted but has no photos.
            f1=_known(f1[k]) if support[k] else None,
            support=int(support[k]),
        )
        for k, label in enumerate(labels)
    }


def _known(share: float) -> float | None:
    return None if np.isnan(share) else float(share)


def _group_figures(correct: NDArray[np.bool_], groups: Groups | None) -> dict[str, GroupFigures]:
    names = [] if groups is None else [None if group is None else str(group) for group in groups]
    rows: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        if name is not None:
            rows.setdefault(name, []).append(index)
    return {name: GroupFigures(float(correct[rows[name]].mean()), len(rows[name])) for name in sorted(rows)}


def confusions_of(metrics: Metrics, most: int = 10) -> list[Confusion]:
    """Return the most frequent confusions of labels, of equally frequent ones the larger share first."""
    return _confusions(metrics.confusion, tuple(metrics.labels))[:most]


def _confusions(matrix: Sequence[Sequence[int]], labels: Sequence[str]) -> list[Confusion]:
    k = len(labels)
    pairs = [(true, predicted) for true in range(k) for predicted in range(k) if true != predicted]
    found = [
        Confusion(labels[true], labels[predicted], matrix[true][predicted], share)
        for true, predicted in reversed(pairs)
        if (share := matrix[true][predicted] / max(sum(matrix[true]), 1))
    ]
    return sorted(found, key=lambda one: (-one.count, -one.share))
