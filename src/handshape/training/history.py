"""What happened while training, one row per pass over the training images."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Epoch:
    """One pass over the training images.

    Args:
        epoch: Number of the pass, from 1.
        loss: Mean cross-entropy over the training images during the pass, in nats.
        train_accuracy: Accuracy on the training images during the pass, each before its own update.
        valid_accuracy: Accuracy on the validation images after the pass.
        seconds: Duration of the pass with its validation.
    """

    epoch: int
    loss: float
    train_accuracy: float
    valid_accuracy: float
    seconds: float


def accuracy_of(logits: Tensor, classes: NDArray[np.int64]) -> float:
    """Return the share of (N, K) logits whose largest is that of the class, (N,) int64."""
    return float((logits.argmax(dim=1).numpy() == classes).mean())


def write_history(path: Path, what: str, histories: Mapping[str, Sequence[Mapping[str, float]]]) -> None:
    """Write histories as a table; what a row lacks is left empty.

    Args:
        path: CSV file to write.
        what: Head of the first column, in which the names of the histories are.
        histories: Rows by the name of the model or step that trained.
    """
    columns = dict.fromkeys(key for rows in histories.values() for row in rows for key in row)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [what, *columns])
        writer.writeheader()
        for name, rows in histories.items():
            writer.writerows({what: name, **row} for row in rows)
