import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from handshape.errors import ShapeError
from handshape.evaluation.argument_checks import check_classes, check_flags, check_probabilities

ROWS = np.full((2, 2), 0.5)


@pytest.mark.parametrize(
    ("classes", "rows", "message"),
    [
        (
            np.array([0]),
            np.zeros(1),
            "scores of shape (1,)",
        ),
        (np.zeros(0, dtype=np.int64), np.zeros((0, 2)), "scores of shape (0, 2)"),
        (
            np.array([0.0, 1.0]),
            ROWS,
            "true classes of shape (2,), type float64 for scores of shape (2, 2)",
        ),
        (np.array([0]), ROWS, "true classes of shape (1,)"),
        (
            np.array([0, 2]),
            ROWS,
            "true classes from 0 to 2",
        ),
        (np.array([-1, 0]), ROWS, "true classes from -1 to 0"),
        (
            np.array([0, 1]),
            np.array([[np.nan, 0], [0, 1]]),
            "scores that are not finite",
        ),
    ],
)
def test_check_classes__refuses(classes: NDArray[Any], rows: NDArray[Any], message: str) -> None:
    with pytest.raises(ShapeError, match=re.escape(message)):
        check_classes(classes, rows)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.zeros(3), "probabilities of shape (3,)"),
        (
            np.array([[2.0, 3.0]]),
            "rows that are not probabilities",
        ),
        (np.array([[-0.5, 1.5]]), "rows that are not probabilities"),
        (np.array([[np.nan, 1.0]]), "rows that are not probabilities"),
    ],
)
def test_check_probabilities__refuses(rows: NDArray[Any], message: str) -> None:
    with pytest.raises(ShapeError, match=re.escape(message)):
        check_probabilities(rows)


def test_check_probabilities__float16_rounding_is_allowed() -> None:
    check_probabilities(np.full((1, 3), 1 / 3, dtype=np.float16))


@pytest.mark.parametrize("flags", [np.array([1, 0]), np.zeros((1, 1), dtype=bool), np.zeros(0, dtype=bool)])
def test_check_flags__refuses(flags: NDArray[Any]) -> None:
    message = f"correct of shape {flags.shape} and type {flags.dtype}"
    with pytest.raises(ShapeError, match=re.escape(message)):
        check_flags("correct", flags)
