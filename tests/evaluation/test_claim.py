"""What an accuracy may claim, in every combination of what is known, and that all places say the same."""

import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.evaluation.conftest import evaluated

from handshape.data.data_report import DataReport
from handshape.data.dataset import Dataset, Sample
from handshape.data.images.decode import Preprocessing
from handshape.data.splits.claim import NEW_SIGNERS, AccuracyClaim, claim_of_folds, find_claim
from handshape.data.splits.train_valid_test import Split
from handshape.evaluation.experiment import Experiment
from handshape.evaluation.report.cautions import find_cautions
from handshape.evaluation.report.headline import find_headline
from handshape.evaluation.report.model_card import model_card
from handshape.models.network_config import NetworkConfig

# Who or what is in training (2 photos), validation (1) and test (2).
GROUPS = {
    "apart": ("a", "a", "b", "c", "d"),
    "overlapping": ("a", "b", "b", "b", "c"),
    "unknown": (None, None, None, None, None),
    "some unknown in test": ("a", "a", "b", "c", None),
    "some unknown in training": ("a", None, "b", "c", "c"),
}
NEW = dict(zip(GROUPS, (True, False, None, None, None), strict=True))


def data(signers: Sequence[str | None], sources: Sequence[str | None]) -> Dataset:
    splits: tuple[Any, ...] = ("train", "train", "valid", "test", "test")
    labels = "ABABA"
    samples = tuple(
        Sample(Path(f"/d/{i}.png"), f"{i}.png", labels[i], signers[i], splits[i], sources[i])
        for i in range(5)
    )
    return Dataset(Path("/d"), samples, ("A", "B"))


@pytest.mark.parametrize("people", GROUPS)
@pytest.mark.parametrize("places", GROUPS)
@pytest.mark.parametrize("copied", [False, True])
def test_find_claim__every_combination(people: str, places: str, copied: bool) -> None:
    claim = find_claim(data(GROUPS[people], GROUPS[places]), ["0", "1", "2", "0" if copied else "3", "4"])
    assert (claim.new_signers, claim.new_sources, claim.known_photos) == (
        NEW[people],
        NEW[places],
        int(copied),
    )
    if copied:
        assert claim.kind == "known photos" and claim.whom == ", 1 of which are training photos"
    elif NEW[people]:
        assert claim.kind == "unseen signers" and "2 signers who are not in" in claim.whom
    elif NEW[places]:
        assert claim.kind == "unseen sources" and "2 sources that are not in" in claim.whom
    else:
        assert claim.kind == "unseen photos" and "not in the training data" not in claim.whom
    assert AccuracyClaim.from_dict(json.loads(json.dumps(claim.to_dict()))) == claim
    assert (claim.scope(NEW_SIGNERS) == NEW_SIGNERS) == (claim.kind == "unseen signers")


@pytest.mark.parametrize("people", GROUPS)
@pytest.mark.parametrize("places", GROUPS)
@pytest.mark.parametrize("kind", ["given", "random", "signer"])
@pytest.mark.parametrize("copied", [False, True])
def test_claims__no_two_places_disagree(make: Any, people: str, places: str, kind: Any, copied: bool) -> None:
    if "made" not in _MADE:
        _MADE["made"] = make()
    experiment = with_groups(_MADE["made"], GROUPS[people], GROUPS[places], kind, copied)
    claim, headline = experiment.data_report.claim, find_headline(experiment)
    metrics, best = experiment.to_dict(), experiment.best
    figures = {**metrics["models"][best.fitted.name], "claim": metrics["claim"]}
    trained_on = {"split": kind, "signers": [], "train": 2, "valid": 1}
    card = model_card(("A", "B"), NetworkConfig("cnn", 2, Preprocessing(16)), 0.4, trained_on, figures)
    cautions = find_cautions(experiment, headline)
    texts = [headline.sentence, card, *(one.text for one in cautions), best.interval.scope]
    assert headline.basis == experiment.claim == claim
    assert metrics["claim"]["kind"] == claim.kind and claim.sentence in card
    assert headline.sentence.count(claim.whom) == 1
    assert (claim.sentence in [one.text for one in cautions]) == (claim.kind != "unseen signers")
    unseen = [text for text in texts if "signers who are not in the training data" in text]
    nobody = [text for text in texts if "Nobody in the test photos" in text]
    assert bool(unseen) == bool(nobody) == (claim.kind == "unseen signers")


_MADE: dict[str, Experiment] = {}


def with_groups(
    experiment: Experiment,
    signers: Sequence[str | None],
    sources: Sequence[str | None],
    kind: Any,
    copied: bool,
) -> Experiment:
    """Give the photos of an experiment other signers, sources and digests."""
    report = experiment.data_report
    place = {
        "train": itertools.cycle((0, 1)),
        "valid": itertools.cycle((2,)),
        "test": itertools.cycle((3, 4)),
    }
    chosen = [next(place[sample.split or "train"]) for sample in report.split.dataset.samples]
    samples = tuple(
        replace(sample, signer=signers[i], source=sources[i])
        for sample, i in zip(report.split.dataset.samples, chosen, strict=True)
    )
    digests = tuple("same" if copied and i in (0, 3) else str(n) for n, i in enumerate(chosen))
    split = Split(replace(report.split.dataset, samples=samples), kind)
    indexed = replace(report.indexed, digests=digests)
    changed = DataReport(indexed, split, report.pairs, report.bursts, report.leaks, report.findings)
    result = evaluated(split, claim=changed.claim)
    return replace(experiment, data_report=changed, results=[result])


def test_claim_of_folds__signers_and_sources() -> None:
    samples = data(GROUPS["apart"], GROUPS["apart"]).samples
    assert claim_of_folds("signer", samples, True).kind == "unseen signers"
    assert claim_of_folds("signer", samples, None).kind == "unseen photos"
    assert claim_of_folds("source", samples, None).kind == "unseen sources"
    assert claim_of_folds("source", samples, True).kind == "unseen signers"
