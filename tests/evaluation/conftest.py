"""Experiments whose figures are known, without training anything."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handshape.data.checks.near_duplicates import Leaks
from handshape.data.data_report import make_data_report
from handshape.data.images.decode import Preprocessing
from handshape.data.images.index import index_images
from handshape.data.io.folder import read_folder
from handshape.data.splits.claim import AccuracyClaim
from handshape.data.splits.leave_one_group_out import FoldPlan
from handshape.data.splits.train_valid_test import Split
from handshape.evaluation.calibration import Calibration
from handshape.evaluation.cross_validation import measure_folds
from handshape.evaluation.evaluation import FitEvaluation, evaluate_predictions
from handshape.evaluation.experiment import Experiment
from handshape.evaluation.report.cautions import find_cautions
from handshape.evaluation.report.headline import find_headline
from handshape.models.cnn import CNN
from handshape.models.network_config import NetworkConfig
from handshape.training.fit_result import FitResult


def evaluated(
    split: Split,
    wrong: int = 1,
    mirrored: float | None = 1.0,
    side: Any = "test",
    name: Any = "frozen",
    claim: AccuracyClaim | None = None,
) -> FitEvaluation:
    """Return a model that classifies the first photos of one split wrongly."""
    tested = split.dataset.on(side)
    predicted = tested.classes.copy()
    predicted[:wrong] = (predicted[:wrong] + 1) % len(tested.labels)
    probabilities = np.eye(len(tested.labels), dtype=np.float32)[predicted]
    found = evaluate_predictions(name, tested, probabilities, 0.5, claim=claim)
    fitted = FitResult(
        CNN(len(tested.labels), 16),
        NetworkConfig(name, len(tested.labels), Preprocessing(16)),
        [],
        {},
        0,
        {"total": 1.0},
        valid_accuracy=1.0,
    )
    return FitEvaluation(
        **{**vars(found), "mirrored_accuracy": mirrored},
        fitted=fitted,
        calibration=Calibration(1.0, found.reliability, found.reliability),
        valid_correct=np.ones(len(split.dataset.on("valid")), dtype=np.bool_),
        valid_loss=0.1,
    )


@pytest.fixture
def make(make_photos: Any, tmp_path: Path) -> Any:
    """Return a function that makes an experiment whose one model classifies some test photos wrongly."""

    def build(signer: str | None = r"signer(\d)_", kind: Any = "auto", **answers: Any) -> Experiment:
        root = make_photos("ABC", signers=4, images=2)
        indexed = index_images(read_folder(root, signer=signer), tmp_path / "cache", size=32)
        found = make_data_report(indexed, kind=kind, valid_fraction=0.25, test_fraction=0.25, seed=0)
        data_report = replace(found, leaks=Leaks(found.leaks.photos, 0, ()), findings=[])
        result = evaluated(data_report.split, **answers)
        return Experiment(data_report, [result], {"frozen": 1.0}, {}, None, None)

    return build


def by_source(
    experiment: Experiment, wrong: tuple[int, ...], apart: bool | None, untested: int = 0
) -> Experiment:
    """Classify the first photos of each split wrongly, as if the splits were sources."""
    data = experiment.data_report.split.dataset
    split = replace(
        experiment.data_report.split,
        dataset=replace(data, samples=tuple(replace(s, source=f"room {s.split}") for s in data.samples)),
    )
    names: tuple[Any, ...] = ("test", "valid", "train")[: len(wrong)]
    parts = [evaluated(split, count, side=side) for count, side in zip(wrong, names, strict=True)]
    sides = split.dataset.split_indices()
    plan = FoldPlan("source", {side: {"test": sides[side]} for side in names}, apart, untested)
    data_report = replace(experiment.data_report, split=split)
    return replace(experiment, data_report=data_report, folds={"frozen": measure_folds(parts, plan)})


def titles(experiment: Experiment) -> list[str]:
    return [caution.title for caution in find_cautions(experiment, find_headline(experiment))]
