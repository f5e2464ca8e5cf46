import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from handshape.data.dataset import Dataset, Sample
from handshape.data.images.decode import Preprocessing
from handshape.evaluation.evaluation import FitEvaluation, evaluate_fit, worst_mistakes, write_predictions
from handshape.models.cnn import CNN
from handshape.models.network_config import NetworkConfig
from handshape.training.fit_result import FitResult
from handshape.training.history import Epoch

LABELS = ("A", "B", "C")


def dataset(side: Any, classes: list[int], signers: list[str | None] | None = None) -> Dataset:
    whose = signers or [None] * len(classes)
    samples = tuple(
        Sample(Path(f"/photos/{i}.png"), f"{LABELS[c]}/{i}.png", LABELS[c], who, side)
        for i, (c, who) in enumerate(zip(classes, whose, strict=True))
    )
    return Dataset(Path("/photos"), samples, LABELS)


def logits(read: list[int], sure: float = 3.0) -> torch.Tensor:
    return torch.eye(3)[torch.tensor(read)] * sure


def evaluated(read: list[int], classes: list[int], signers: list[str | None] | None = None) -> FitEvaluation:
    valid = [0, 1, 2, 0, 1, 2]
    fitted = FitResult(
        CNN(3, 16),
        NetworkConfig("frozen", 3, Preprocessing(16)),
        [Epoch(1, 0.5, 0.5, 0.75, 1.0)],
        {"valid": logits([0, 1, 2, 0, 1, 0]), "test": logits(read), "mirrored": logits(read[::-1])},
        5,
        {"features": 1.0, "train": 2.0, "total": 3.0},
        5 / 6,
    )
    return evaluate_fit(fitted, dataset("valid", valid), dataset("test", classes, signers))


def test_evaluate_fit__accuracy_interval_and_contract() -> None:
    result = evaluated([0, 0, 1, 1, 2, 0], [0, 0, 1, 1, 2, 2])
    found = result.to_dict()
    assert result.accuracy == found["test_accuracy"] == 5 / 6
    low, high = found["test_interval"]
    assert 0 < low < 5 / 6 < high < 1
    assert found["valid_accuracy"] == 5 / 6
    assert found["seconds"] == {"features": 1.0, "train": 2.0, "total": 3.0}
    assert found["parameters"]["trained"] == 5 < found["parameters"]["total"]
    assert found["signers"] == {}
    assert found["confusion"] == [[2, 0, 0], [0, 2, 0], [1, 0, 1]]


def test_evaluate_fit__figures_per_signer() -> None:
    found = evaluated([0, 1, 2, 2], [0, 1, 1, 2], ["ann", "ben", "ben", None]).to_dict()
    assert {name: (f["accuracy"], f["n"]) for name, f in found["signers"].items()} == {
        "ann": (1.0, 1),
        "ben": (0.5, 2),
    }


def test_evaluate_fit__mirrored_accuracy_is_of_the_mirrored_logits() -> None:
    assert evaluated([0, 1, 2, 2], [0, 1, 2, 2]).mirrored_accuracy == 0.0
    assert evaluated([0, 1, 0], [0, 1, 0]).mirrored_accuracy == 1.0


def test_worst_first__wrong_predictions_with_the_least_probability_for_the_true_class() -> None:
    rows = np.array([[0.9, 0.05, 0.05], [0.3, 0.6, 0.1], [0.1, 0.2, 0.7], [0.7, 0.2, 0.1]], np.float32)
    assert worst_mistakes(rows, np.array([0, 0, 0, 1])) == [2, 3, 1]
    assert worst_mistakes(rows, np.array([0, 1, 2, 0])) == []
    assert worst_mistakes(rows, np.array([0, 0, 0, 1]), np.array([0, 1, 2, 2])) == [2, 1, 3]


def test_write_predictions__one_row_a_photo_and_model(tmp_path: Path) -> None:
    result = evaluated([0, 2], [0, 1], ["ann", None])
    write_predictions(tmp_path / "predictions.csv", [result, result])
    with (tmp_path / "predictions.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4
    contract = ("path", "label", "signer", "split", "predicted")
    assert [rows[1][key] for key in contract] == ["B/1.png", "B", "", "test", "C"]
    assert rows[0]["signer"] == "ann" and rows[0]["model"] == "frozen"
    assert float(rows[0]["probability"]) == pytest.approx(float(result.probabilities[0, 0]), abs=1e-6)
