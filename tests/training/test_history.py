import csv
from pathlib import Path

import numpy as np
import torch

from handshape.training.history import Epoch, accuracy_of, write_history


def test_write_history__one_row_an_epoch_of_each_model(tmp_path: Path) -> None:
    one = [Epoch(1, 0.7, 0.5, 0.25, 1.5), Epoch(2, 0.6, 0.75, 0.5, 1.25)]
    write_history(tmp_path / "history.csv", {"cnn": one, "frozen": [Epoch(1, 0.1, 1.0, 1.0, 0.5)]})
    with (tmp_path / "history.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["model"], row["epoch"]) for row in rows] == [("cnn", "1"), ("cnn", "2"), ("frozen", "1")]
    assert {key: float(rows[1][key]) for key in rows[1] if key != "model"} == {
        "epoch": 2,
        "loss": 0.6,
        "train_accuracy": 0.75,
        "valid_accuracy": 0.5,
        "seconds": 1.25,
    }


def test_accuracy_of__the_largest_of_each_row() -> None:
    logits = torch.tensor([[0.0, 2.0], [3.0, 1.0], [0.0, -1.0], [5.0, 6.0]])
    assert accuracy_of(logits, np.array([1, 0, 1, 1])) == 0.75
