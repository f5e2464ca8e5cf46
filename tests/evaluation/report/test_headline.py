from dataclasses import replace
from typing import Any

import pytest
from tests.evaluation.conftest import by_source, evaluated, titles

from handshape.data.splits.leave_one_group_out import FoldPlan
from handshape.evaluation.cross_validation import measure_folds
from handshape.evaluation.report.headline import correct_of_100, find_headline


@pytest.mark.parametrize(
    "share, words",
    [
        (1, "all 1,000 test photos were classified correctly"),
        (0, "none of the 1,000 test photos was classified correctly"),
        (0.996, "more than 99 of 100 test photos were classified correctly"),
        (0.004, "fewer than 1 of 100 test photos were classified correctly"),
        (0.93, "about 93 of 100 test photos were classified correctly"),
    ],
)
def test_correct_of_100__never_says_all_of_what_is_not_all(share: float, words: str) -> None:
    assert correct_of_100(share, 1000) == words


def test_find_headline__on_signers_who_were_left_out(make: Any) -> None:
    experiment = make()
    answer = find_headline(experiment)
    assert len(experiment.data_report.split.dataset.split_indices()["test"]) == 6
    assert answer.claim.startswith("About 83 of 100") and "from one signer who is not in" in answer.claim
    assert answer.sentence.endswith("; most frequent mistake: A predicted as B")
    assert answer.filled_dots == 83 and answer.folds == 0 and answer.worst is None
    assert titles(experiment) == ["One signer"]


def test_find_headline__of_folds_is_their_mean_and_names_the_worst(make: Any) -> None:
    experiment = make()
    parts = [
        evaluated(experiment.data_report.split, wrong, side=side)
        for wrong, side in ((2, "test"), (0, "valid"))
    ]
    answer = find_headline(
        replace(experiment, folds={"frozen": measure_folds(parts, FoldPlan("signer", {}, True))})
    )
    assert answer.accuracy == pytest.approx(5 / 6) and answer.folds == 2
    assert answer.worst is not None and answer.worst[0] == parts[0].tested.signers[0]
    assert answer.worst[1] == pytest.approx(4 / 6)
    assert answer.left_out == "signer" and answer.claim.endswith("their signer was not in the training data")


def test_find_headline__of_sources_names_the_worst_and_what_the_interval_speaks_of(make: Any) -> None:
    experiment = make()
    answer = find_headline(by_source(experiment, (4, 1), True))
    assert (answer.left_out, answer.folds, answer.new_signers) == ("source", 2, True)
    assert answer.accuracy == pytest.approx((2 + 5) / 12)
    assert answer.claim.startswith("About 58 of 100") and "camera" in answer.claim
    assert answer.bounds.startswith("95 % interval for these two: ")
    assert "worst source: room test, 33 %; most frequent mistake: " in answer.weakest
    three = find_headline(by_source(experiment, (4, 1, 0), True))
    assert three.bounds.startswith("95 % interval of the mean over 3 sources: ") and three.folds == 3
    assert "; expect 0–100 % for one more source on 6 photos" in three.sentence
    assert answer.next_range == ""


def test_find_headline__without_a_mistake(make: Any) -> None:
    answer = find_headline(make(wrong=0))
    assert answer.sentence.startswith("All 6 test photos were classified correctly")
    assert answer.weakest == "" and answer.filled_dots == 100


def test_find_headline__a_given_split_that_keeps_signers_apart_says_so(make: Any) -> None:
    experiment = make()
    split = replace(experiment.data_report.split, kind="given")
    given = replace(experiment, data_report=replace(experiment.data_report, split=split))
    assert find_headline(given).new_signers
    samples = tuple(replace(sample, signer="1") for sample in split.dataset.samples)
    mixed = replace(split, dataset=replace(split.dataset, samples=samples))
    given = replace(experiment, data_report=replace(experiment.data_report, split=mixed))
    assert not find_headline(given).new_signers and titles(given) == ["Given split"]
