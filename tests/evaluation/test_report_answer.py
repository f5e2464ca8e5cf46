from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handshape.data.duplicates import Leaks
from handshape.data.finding import Finding
from handshape.data.folder import read_folder
from handshape.data.scan import scan_dataset
from handshape.data.split import Split
from handshape.data.survey import survey_data
from handshape.evaluation.calibration import calibrate
from handshape.evaluation.experiment import Experiment, Ungrouped, split_sides
from handshape.evaluation.folds import FoldPlan, measure_folds
from handshape.evaluation.intervals import accuracy_interval
from handshape.evaluation.judge import Judged
from handshape.evaluation.metrics import measure
from handshape.evaluation.rejection import measure_rejection
from handshape.evaluation.report_answer import find_answer, find_cautions, hundred, is_drawn


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


def titles(experiment: Experiment) -> list[str]:
    return [caution.title for caution in find_cautions(experiment, find_answer(experiment))]


@pytest.mark.parametrize(
    "share, words",
    [
        (1, "all 1,000 test photos are read right"),
        (0, "none of 1,000 test photos is read right"),
        (0.996, "more than 99 of 100 photos are read right"),
        (0.004, "fewer than 1 of 100 photos are read right"),
        (0.93, "about 93 of 100 photos are read right"),
    ],
)
def test_hundred__never_says_all_of_what_is_not_all(share: float, words: str) -> None:
    assert hundred(share, 1000) == words


def test_find_answer__on_signers_who_were_left_out(make: Any) -> None:
    experiment = make()
    answer = find_answer(experiment)
    assert len(split_sides(experiment.survey.split.dataset)["test"]) == 6
    assert answer.sentence.startswith(
        "On a signer it has never seen, about 83 of 100 photos are read right (95 %: "
    )
    assert answer.sentence.endswith("; weakest: A read as B")
    assert answer.dots == 83 and answer.folds == 0 and answer.worst is None
    assert titles(experiment) == ["One signer"]


def test_find_answer__of_folds_is_their_mean_and_names_the_worst(make: Any) -> None:
    experiment = make()
    parts = [judged(experiment.survey.split, wrong, side=side) for wrong, side in ((2, "test"), (0, "valid"))]
    answer = find_answer(replace(experiment, folds={"frozen": measure_folds(parts)}))
    assert answer.accuracy == pytest.approx(5 / 6) and answer.folds == 2
    assert answer.worst is not None and answer.worst[0] == parts[0].tested.signers[0]
    assert answer.worst[1] == pytest.approx(4 / 6)
    assert answer.left_out == "signer" and answer.sentence.startswith(
        "On a signer it has never seen, about 83"
    )


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


def test_find_answer__of_sources_names_the_worst_and_what_the_interval_speaks_of(make: Any) -> None:
    experiment = make()
    answer = find_answer(by_source(experiment, (4, 1), True))
    assert (answer.left_out, answer.folds, answer.new_signers) == ("source", 2, True)
    assert answer.accuracy == pytest.approx((2 + 5) / 12)
    assert answer.sentence.startswith(
        "In rooms, cameras or collections it has never seen, about 58 of 100 photos are read right (95 %, of "
        "these two only: "
    )
    assert "); worst in room test: 33 %; weakest: " in answer.sentence
    three = find_answer(by_source(experiment, (4, 1, 0), True))
    assert "(95 %: " in three.sentence and three.folds == 3


def test_find_answer__of_sources_without_a_mistake(make: Any) -> None:
    answer = find_answer(by_source(make(), (0, 0), True))
    assert answer.worst is None and answer.sentence.endswith("; no mistake was made")


def test_find_cautions__of_sources_that_were_left_out(make: Any) -> None:
    made = make(wrong=0)
    experiment = by_source(made, (4, 1), False, untested=3)
    first, second, last = find_cautions(experiment, find_answer(experiment))
    assert (first.title, second.title) == ("Other rooms", "Known signers")
    assert "100 % of the test photos are read right instead of 58 %" in first.text
    assert "not of new people" in second.text
    assert last.title == "Not tested" and last.text.startswith(
        "3 photos have no known source, or a label that"
    )
    unknown = by_source(made, (0, 0, 0), None)
    assert titles(unknown) == ["Signers not known"]
    assert titles(by_source(made, (0, 0, 0), True)) == []


def test_find_answer__without_a_mistake(make: Any) -> None:
    answer = find_answer(make(wrong=0))
    assert "all 6 test photos are read right" in answer.sentence
    assert answer.sentence.endswith("; no mistake was made") and answer.dots == 100


def test_find_answer__a_given_split_that_keeps_signers_apart_says_so(make: Any) -> None:
    experiment = make()
    split = replace(experiment.survey.split, kind="given")
    given = replace(experiment, survey=replace(experiment.survey, split=split))
    assert find_answer(given).new_signers
    samples = tuple(replace(sample, signer="1") for sample in split.dataset.samples)
    mixed = replace(split, dataset=replace(split.dataset, samples=samples))
    given = replace(experiment, survey=replace(experiment.survey, split=mixed))
    assert not find_answer(given).new_signers and titles(given) == ["Given split"]


@pytest.mark.parametrize(
    "leaking, words",
    [
        (97, "97 % of the test photos have a near-twin in training: this figure is mostly memory"),
        (20, "20 % of the test photos have a near-twin in training: this figure is partly memory"),
        (2, "2 % of the test photos have a near-twin in training: too few"),
    ],
)
def test_find_cautions__a_leak_says_how_much_is_memory(make: Any, leaking: int, words: str) -> None:
    experiment = make(signer=None, kind="random")
    survey = replace(experiment.survey, leaks=Leaks(100, leaking, ()))
    leaking_experiment = replace(experiment, survey=survey)
    first, second = find_cautions(leaking_experiment, find_answer(leaking_experiment))
    assert first.text.startswith(words) and first.title == "Leak"
    assert second.title == "Random split" and "says nothing about people" in second.text


def test_find_cautions__with_and_without_grouping(make: Any) -> None:
    plain = make(signer=None, kind="random")
    name = plain.best.fitted.name
    experiment = replace(plain, ungrouped=Ungrouped(0.41, {name: 1.0}, {name: 0.99}))
    text = find_cautions(experiment, find_answer(experiment))[1].text
    assert "41 % of the test photos" in text and f"{name} would read 99.0 % right" in text
    assert f"against {100 * experiment.best.accuracy:.1f} % with bursts kept together" in text
    unknown = replace(plain, ungrouped=Ungrouped(0.41, {}, {}))
    assert find_cautions(unknown, find_answer(unknown))[1].text.endswith("a near-twin in training.")


def test_find_cautions__drawn_hands_left_hands_and_data(make: Any) -> None:
    experiment = make(mirrored=0.2)
    (experiment.survey.split.dataset.root / "truth.csv").write_text("path\n")
    bad = Finding("two_labels", "serious", "Two photos are wrong.", 0.1)
    survey = replace(experiment.survey, findings=[bad, bad, replace(bad, severity="note")])
    experiment = replace(experiment, survey=survey)
    assert titles(experiment) == ["Drawn hands", "One signer", "Left hands", "In the data"]
    assert (
        find_cautions(experiment, find_answer(experiment))[-1].text == "Two photos are wrong. 1 more below."
    )


def test_find_cautions__says_nothing_of_mirror_images_that_were_not_read(make: Any) -> None:
    assert titles(make(mirrored=None)) == ["One signer"]


def test_find_cautions__labels_that_no_test_photo_shows(make: Any) -> None:
    experiment = make()
    best = experiment.results[0]
    untested = replace(best, metrics=replace(best.metrics, missing_labels=("J", "Z")))
    experiment = replace(experiment, results=[untested])
    assert titles(experiment)[-1] == "Untested labels"
    assert "No test photo shows J and Z" in find_cautions(experiment, find_answer(experiment))[-1].text


def test_is_drawn__also_where_a_source_is(make: Any) -> None:
    data = make().survey.split.dataset
    assert not is_drawn(data)
    (data.root / "room").mkdir()
    (data.root / "room" / "truth.csv").write_text("path\n")
    assert not is_drawn(data)
    assert is_drawn(replace(data, samples=tuple(replace(s, source="room") for s in data.samples)))


class Tuned(Fitted):
    name = "finetune"


@pytest.mark.parametrize(
    "frozen, tuned, words",
    [
        (0, 0, "The frozen network reads every test photo right already, so there was nothing to gain."),
        (1, 1, "No epoch of tuning read valid better than the frozen network, which was kept."),
        (1, 2, "100.0 % of valid are read right instead of 100.0 %, of test 66.7 % instead of 83.3 %: "),
        (1, 0, None),
    ],
)
def test_find_cautions__says_why_tuning_gained_nothing(
    make: Any, frozen: int, tuned: int, words: str | None
) -> None:
    experiment = make(wrong=frozen)
    other = replace(judged(experiment.survey.split, wrong=tuned), fitted=Tuned())  # type: ignore[arg-type]
    experiment = replace(experiment, results=[experiment.results[0], other])
    told = {one.title: one.text for one in find_cautions(experiment, find_answer(experiment))}
    text = told.get("Tuning gained nothing")
    assert text is None if words is None else text is not None and text.startswith(words)
