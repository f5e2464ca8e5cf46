"""Checks of the arrays that metrics are computed from."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.errors import ShapeError

# A row of float32 softmax over a few hundred classes stays well inside this.
_SUM_TOLERANCE = 1e-3


def check_classes(classes: NDArray[Any], rows: NDArray[Any]) -> None:
    """Check that classes and rows of scores belong together.

    Args:
        classes: (N,) integers in [0, K), the true class of each image.
        rows: (N, K) one finite score per image and class.

    Raises:
        ShapeError: rows is not rank 2 or not finite, there is no image, or the classes are not N integers in
            [0, K).
    """
    if rows.ndim != 2 or 0 in rows.shape:
        raise ShapeError(f"scores of shape {rows.shape}", "(N, K) with N, K >= 1", "pass one row per image")
    if classes.shape != rows.shape[:1] or classes.dtype.kind not in "iu":
        raise ShapeError(
            f"true classes of shape {classes.shape}, type {classes.dtype} for scores of shape {rows.shape}",
            f"({rows.shape[0]},) integers",
            "pass one true class per row of scores",
        )
    if classes.min() < 0 or classes.max() >= rows.shape[1]:
        raise ShapeError(
            f"true classes from {classes.min()} to {classes.max()}",
            f"classes in [0, {rows.shape[1]})",
            "leave out images whose label the recogniser was not trained on",
        )
    if not np.isfinite(rows).all():
        raise ShapeError("scores that are not finite", "finite numbers", "check the training for divergence")


def check_probabilities(probabilities: NDArray[Any]) -> None:
    """Check that rows are probability distributions.

    Args:
        probabilities: (N, K) floats in [0, 1], each row summing to 1.

    Raises:
        ShapeError: the array is not rank 2, or a row is not a distribution over the K classes.
    """
    if probabilities.ndim != 2 or 0 in probabilities.shape:
        raise ShapeError(
            f"probabilities of shape {probabilities.shape}", "(N, K) with N, K >= 1", "pass one row per image"
        )
    sums = probabilities.sum(axis=1, dtype=np.float64)
    if not (probabilities.min() >= 0 and np.abs(sums - 1).max() <= _SUM_TOLERANCE):
        raise ShapeError(
            "rows that are not probabilities",
            "numbers in [0, 1] that sum to 1 in each row",
            "pass the softmax of the logits, not the logits",
        )


def check_flags(name: str, flags: NDArray[Any]) -> None:
    """Check that there is one boolean per image.

    Args:
        name: Name of the array, for the message.
        flags: (N,) bool.

    Raises:
        ShapeError: the array is not rank 1, is empty or is not of type bool.
    """
    if flags.ndim != 1 or flags.size == 0 or flags.dtype != np.bool_:
        raise ShapeError(
            f"{name} of shape {flags.shape} and type {flags.dtype}",
            "(N,) bool with N >= 1",
            "pass one boolean per image, such as predicted == true",
        )
