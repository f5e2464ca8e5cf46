from dataclasses import replace
from typing import Any

import pytest
from tests.evaluation.conftest import by_source, titles

from handshape.data.checks.finding import Finding
from handshape.data.checks.near_duplicates import Leaks
from handshape.evaluation.experiment import RandomSplitCheck
from handshape.evaluation.report.cautions import find_cautions, is_synthetic
from handshape.evaluation.report.headline import find_headline


def test_find_cautions__of_sources_that_were_left_out(make: Any) -> None:
    made = make(wrong=0)
    experiment = by_source(made, (4, 1), False, untested=3)
    first, second, last = find_cautions(experiment, find_headline(experiment))
    assert (first.title, second.title) == ("Other rooms", "Known signers")
    assert "100 % of the test photos were classified correctly instead of 58 %" in first.text
    assert "not for new people" in second.text
    assert last.title == "Not tested" and last.text.startswith(
        "3 photos have no known source, or a label that"
    )
    unknown = by_source(made, (0, 0, 0), None)
    assert titles(unknown) == ["Signers not known"]
    assert titles(by_source(made, (0, 0, 0), True)) == []


@pytest.mark.parametrize(
    "leaking, words",
    [
        (97, "97 % of the test photos have a near-copy in training, so the accuracy mostly"),
        (20, "20 % of the test photos have a near-copy in training, so the accuracy is too high"),
        (2, "2 % of the test photos have a near-copy in training, which is too few"),
    ],
)
def test_find_cautions__a_leak_says_how_much_is_memory(make: Any, leaking: int, words: str) -> None:
    experiment = make(signer=None, kind="random")
    data_report = replace(experiment.data_report, leaks=Leaks(100, leaking, ()))
    leaking_experiment = replace(experiment, data_report=data_report)
    found = {
        one.title: one.text for one in find_cautions(leaking_experiment, find_headline(leaking_experiment))
    }
    assert found["Leak"].startswith(words) and "says nothing about people" in found["Random split"]
    # A leak comes first unless it is too small to matter.
    assert list(found) == (["Random split", "Leak"] if leaking == 2 else ["Leak", "Random split"])


def test_find_cautions__with_and_without_grouping(make: Any) -> None:
    plain = make(signer=None, kind="random")
    name = plain.best.fitted.name
    experiment = replace(
        plain, random_split=RandomSplitCheck(0.41, {name: {"valid_accuracy": 1.0, "test_accuracy": 0.99}})
    )
    text = find_cautions(experiment, find_headline(experiment))[1].text
    assert "41 % of the test photos" in text and f"{name} would show an accuracy of 99.0 % instead of" in text
    unknown = replace(plain, random_split=RandomSplitCheck(0.41, {}))
    assert find_cautions(unknown, find_headline(unknown))[1].text.endswith("a near-copy in training.")


def test_find_cautions__drawn_hands_left_hands_and_data(make: Any) -> None:
    experiment = make(mirrored=0.2)
    (experiment.data_report.split.dataset.root / "truth.csv").write_text("path\n")
    bad = Finding("few_photos", "serious", "Two photos are wrong.", 0.1)
    data_report = replace(experiment.data_report, findings=[bad, bad, replace(bad, severity="note")])
    experiment = replace(experiment, data_report=data_report)
    assert titles(experiment) == ["Drawn hands", "One signer", "Left hands", "In the data"]
    assert (
        find_cautions(experiment, find_headline(experiment))[-1].text == "Two photos are wrong. 1 more below."
    )


def test_find_cautions__what_changes_the_accuracy_most_comes_first(make: Any) -> None:
    experiment = make(mirrored=0.2)
    best = experiment.results[0]
    untested = replace(best, metrics=replace(best.metrics, missing_labels=("J",)))
    wall = Finding("plain_background", "warning", "All photos have one wall.", 1.0)
    source = Finding("one_source", "warning", "All photos are from one source.", 1.0)
    leaks = Leaks(100, 60, ())
    data_report = replace(experiment.data_report, findings=[source, wall], leaks=leaks)
    experiment = replace(experiment, results=[untested], data_report=data_report)
    assert titles(experiment) == ["Leak", "One signer", "One background", "Left hands", "Untested labels"]


def test_find_cautions__labels_that_no_test_photo_shows(make: Any) -> None:
    experiment = make()
    best = experiment.results[0]
    untested = replace(best, metrics=replace(best.metrics, missing_labels=("J", "Z")))
    experiment = replace(experiment, results=[untested])
    assert titles(experiment)[-1] == "Untested labels"
    assert "No test photo shows J and Z" in find_cautions(experiment, find_headline(experiment))[-1].text


def test_is_drawn__also_where_a_source_is(make: Any) -> None:
    data = make().data_report.split.dataset
    assert not is_synthetic(data)
    (data.root / "room").mkdir()
    (data.root / "room" / "truth.csv").write_text("path\n")
    assert not is_synthetic(data)
    assert is_synthetic(replace(data, samples=tuple(replace(s, source="room") for s in data.samples)))
