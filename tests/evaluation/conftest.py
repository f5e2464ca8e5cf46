"""Experiments whose figures are known, without training anything."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handshape.data.checks.near_duplicates import Leaks
from handshape.data.data_report import survey_data
from handshape.data.images.index import scan_dataset
from handshape.data.io.folder import read_folder
from handshape.data.splits.train_valid_test import Split
from handshape.evaluation.calibration import calibrate
from handshape.evaluation.cross_validation import FoldPlan, measure_folds
from handshape.evaluation.experiment import Experiment, split_sides
from handshape.evaluation.intervals.accuracy import accuracy_interval
from handshape.evaluation.judge import Judged
from handshape.evaluation.metrics import measure
from handshape.evaluation.rejection import measure_rejection
from handshape.evaluation.report.cautions import find_cautions
from handshape.evaluation.report.headline import find_answer


class Fitted:
    """Stands for a fitted model, of which only this is asked."""

    name, valid_accuracy, seconds = "frozen", 1.0, {"total": 1.0}


def judged(
    experiment_split: Split, wrong: int = 1, mirrored: float | None = 1.0, side: Any = "test"
) -> Judged:
    tested = experiment_split.dataset.on(side)
    read = tested.classes.copy()
    read[:wrong] = (read[:wrong] + 1) % len(tested.labels)
    probabilities = np.eye(len(tested.labels), dtype=np.float32)[read]
    signers = [sample.signer for sample in tested.samples]
    sources = [sample.source for sample in tested.samples]
    logits = 4 * probabilities
    return Judged(
        Fitted(),  # type: ignore[arg-type]
        tested,
        probabilities,
        measure(tested.classes, probabilities, tested.labels, signers, sources),
        accuracy_interval(read == tested.classes, signers),
        calibrate(logits, tested.classes, logits, tested.classes),
        measure_rejection(probabilities, tested.classes, 0.5),
        mirrored,
        0.1,
    )


@pytest.fixture
def make(make_photos: Any, tmp_path: Path) -> Any:
    """Return a function that makes an experiment whose one model reads some test photos wrong."""

    def build(signer: str | None = r"signer(\d)_", kind: Any = "auto", **answers: Any) -> Experiment:
        root = make_photos("ABC", signers=4, images=2)
        scan = scan_dataset(read_folder(root, signer=signer), tmp_path / "store", size=32)
        found = survey_data(scan, kind=kind, valid_fraction=0.25, test_fraction=0.25, seed=0)
        survey = replace(found, leaks=Leaks(found.leaks.photos, 0, ()), findings=[])
        result = judged(survey.split, **answers)
        return Experiment(survey, [result], {"frozen": 1.0}, {}, None, None)

    return build


def by_source(
    experiment: Experiment, wrong: tuple[int, ...], apart: bool | None, untested: int = 0
) -> Experiment:
    """Read the first photos of each side of the split wrong, as if the sides were sources."""
    data = experiment.survey.split.dataset
    split = replace(
        experiment.survey.split,
        dataset=replace(data, samples=tuple(replace(s, source=f"room {s.split}") for s in data.samples)),
    )
    names: tuple[Any, ...] = ("test", "valid", "train")[: len(wrong)]
    parts = [judged(split, count, side=side) for count, side in zip(wrong, names, strict=True)]
    sides = split_sides(split.dataset)
    plan = FoldPlan("source", {side: {"test": sides[side]} for side in names}, apart, untested)
    survey = replace(experiment.survey, split=split)
    return replace(experiment, survey=survey, folds={"frozen": measure_folds(parts, plan)})


def titles(experiment: Experiment) -> list[str]:
    return [caution.title for caution in find_cautions(experiment, find_answer(experiment))]
