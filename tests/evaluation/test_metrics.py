from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import f1_score

from handshape.evaluation.metrics import Confusion, GroupFigures, LabelFigures, compute_metrics, confusions_of

LABELS = ("A", "B", "C", "D")


def sure(predicted: list[int], classes: int = 4) -> NDArray[np.float64]:
    """Probabilities whose most probable class is the predicted one."""
    return np.eye(classes)[predicted] * 0.6 + 0.4 / classes


def test_measure__figures_by_hand() -> None:
    # A: two right, one read as B. B: one right. C: read as A. D is not shown, and never read.
    found = compute_metrics(
        np.array([0, 0, 0, 1, 2]), sure([0, 0, 1, 1, 0]), LABELS, ["x", "x", "y", None, "y"]
    )
    assert found.n == 5
    assert found.accuracy == pytest.approx(3 / 5)
    assert found.confusion == ((2, 1, 0, 0), (0, 1, 0, 0), (1, 0, 0, 0), (0, 0, 0, 0))
    assert found.labels["A"] == LabelFigures(*[pytest.approx(2 / 3)] * 3, support=3)  # type: ignore[arg-type, misc]
    assert found.labels["B"] == LabelFigures(0.5, 1.0, pytest.approx(2 / 3), 1)  # type: ignore[arg-type]
    assert found.labels["C"] == LabelFigures(precision=None, recall=0.0, f1=0.0, support=1)
    assert found.signers == {"x": GroupFigures(1.0, 2), "y": GroupFigures(0.0, 2)}
    assert found.macro_f1 == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)


def test_measure__missing_label_is_stated_and_shifts_nothing() -> None:
    found = compute_metrics(np.array([0, 2, 3]), sure([0, 2, 3]), LABELS)
    assert found.missing_labels == ("B",)
    assert found.labels["B"] == LabelFigures(precision=None, recall=None, f1=None, support=0)
    assert [row.index(1) for row in found.confusion if any(row)] == [0, 2, 3]
    assert (found.accuracy, found.macro_f1, found.most_confused) == (1.0, 1.0, None)


def test_measure__missing_label_that_is_read_lowers_the_others_only() -> None:
    found = compute_metrics(np.array([0, 0]), sure([0, 1]), LABELS)
    assert found.labels["B"] == LabelFigures(precision=0.0, recall=None, f1=None, support=0)
    assert found.macro_f1 == pytest.approx(2 / 3)


def test_measure__most_confused_counts_photos_first_and_shares_second() -> None:
    classes = np.array([0] * 4 + [1] * 2 + [2] * 3)
    found = compute_metrics(classes, sure([0, 0, 1, 1, 0, 0, 2, 2, 3]), LABELS)
    assert found.most_confused == Confusion("B", "A", 2, 1.0)


@settings(derandomize=True, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40), st.randoms())
def test_measure__agrees_with_scikit_learn_and_not_with_the_order(
    cases: list[tuple[int, int]], random: Any
) -> None:
    classes, predicted = np.array([c for c, _ in cases]), [p for _, p in cases]
    found = compute_metrics(classes, sure(predicted), LABELS)
    shown = sorted(set(classes.tolist()))
    assert found.macro_f1 == pytest.approx(
        f1_score(classes, predicted, labels=shown, average="macro", zero_division=0)
    )
    assert (
        sum(figure.support for figure in found.labels.values()) == sum(map(sum, found.confusion)) == found.n
    )
    shuffled = random.sample(cases, len(cases))
    again = compute_metrics(np.array([c for c, _ in shuffled]), sure([p for _, p in shuffled]), LABELS)
    assert again == found


def test_measure__per_source() -> None:
    found = compute_metrics(np.array([0, 1, 2]), sure([0, 1, 0]), LABELS, None, ["hall", None, "hall"])
    assert found.sources == {"hall": GroupFigures(0.5, 2)} and found.signers == {}


def test_confusions_of__most_frequent_first_and_of_equals_the_larger_share() -> None:
    classes, predicted = np.array([0, 0, 0, 0, 1, 1, 2, 2, 2]), [1, 1, 2, 0, 0, 1, 2, 2, 2]
    metrics = compute_metrics(classes, sure(predicted), LABELS)
    found = [(one.true, one.predicted, one.count, one.share) for one in confusions_of(metrics)]
    assert found == [("A", "B", 2, 0.5), ("B", "A", 1, 0.5), ("A", "C", 1, 0.25)]
    assert len(confusions_of(metrics, most=1)) == 1
