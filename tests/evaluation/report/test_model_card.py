import math
from typing import Any

import pytest
from huggingface_hub import ModelCard
from huggingface_hub.repocard_data import model_index_to_eval_results

from handshape.data.images.decode import Preprocessing
from handshape.data.splits.claim import AccuracyClaim
from handshape.evaluation.report.model_card import model_card
from handshape.models.network_config import NetworkConfig

CNN = NetworkConfig("cnn", 3, Preprocessing(32))


@pytest.fixture
def card(finished: Any) -> str:
    text: str = (finished.out / "recogniser" / "README.md").read_text(encoding="utf-8")
    return text


def figures(**changed: Any) -> dict[str, Any]:
    label = {"support": 10, "recall": 0.5, "precision": 0.5, "f1": 0.5}
    found = {
        "test_accuracy": 0.75,
        "test_interval": [0.5, 0.9],
        "interval_scope": "more photos",
        "macro_f1": 0.7,
        "labels": {"A": {**label, "recall": 1.0}, "B": label, "C": {**label, "recall": None, "support": 0}},
        "signers": {"anna": {"accuracy": 0.5, "n": 10}, "zoë": {"accuracy": 1.0, "n": 10}},
        "most_confused": {"true": "B", "predicted": "A", "count": 5, "share": 0.5},
        "mirrored_accuracy": 0.25,
        "calibration": {"after": {"ece": 0.031}},
        "rejection": {"coverage": 0.8, "answered_accuracy": 0.9},
        "no_hand_refused": 0.75,
        "claim": AccuracyClaim(20, signers=2, new_signers=True).to_dict(),
    }
    return {**found, **changed}


def write(labels: tuple[str, ...] = ("A", "B", "C"), **changed: Any) -> str:
    trained_on = {"split": "signer", "signers": ["bob"], "train": 1000, "valid": 20, "test": 20}
    return model_card(labels, CNN, 0.4, trained_on, figures(**changed))


def check_head(text: str) -> Any:
    """Read a card as the hub's own library does, and hold its figures against that library's rules."""
    data: Any = ModelCard(text).data
    assert type(data).__name__ == "ModelCardData"
    assert data.library_name == "handshape" and data.pipeline_tag == "image-classification"
    assert isinstance(data.tags, list) and all(isinstance(tag, str) for tag in data.tags)
    # What the library makes of the head is what it writes again, so nothing in it was misread.
    again: Any = ModelCard(str(ModelCard(text)))
    assert again.data.to_dict() == data.to_dict()
    return data


def test_model_card__head_holds_the_measured_figures(card: str, finished: Any) -> None:
    data = check_head(card)
    best = finished.metrics["models"][finished.metrics["best"]]
    assert data.eval_results is not None
    found = {result.metric_name: result.metric_value for result in data.eval_results}
    low, high = best["test_interval"]
    assert found == {
        "Accuracy": pytest.approx(best["test_accuracy"], abs=1e-6),
        "Accuracy, lower end of the 95 % interval": pytest.approx(low, abs=1e-6),
        "Accuracy, upper end of the 95 % interval": pytest.approx(high, abs=1e-6),
        "Macro F1": pytest.approx(best["macro_f1"], abs=1e-6),
        "Accuracy on the mirrored photos": pytest.approx(best["mirrored_accuracy"], abs=1e-6),
        "Expected calibration error": pytest.approx(best["calibration"]["after"]["ece"], abs=1e-6),
    }
    assert {result.task_type for result in data.eval_results} == {"image-classification"}
    assert all(math.isfinite(result.metric_value) for result in data.eval_results)
    name, results = model_index_to_eval_results(data.to_dict()["model-index"])
    assert name == "handshape: A, B, C" and len(results) == len(found)


def test_model_card__says_how_good_for_whom_and_what_it_does_not_do(card: str, finished: Any) -> None:
    best = finished.metrics["models"][finished.metrics["best"]]
    assert (
        f"**{100 * best['test_accuracy']:.1f} %** of {finished.metrics['split']['test']} test photos" in card
    )
    low, high = best["test_interval"]
    assert f"{100 * low:.1f}–{100 * high:.1f}" in card
    assert best["interval_scope"] in card
    assert f"Below a probability of {best['rejection']['threshold']:.2f}" in card
    assert f"{100 * best['mirrored_accuracy']:.1f} % of the same photos mirrored" in card
    assert "# 3 hand signs: A, B, C" in card
    assert f"{finished.metrics['split']['train']} training photos" in card
    assert finished.metrics["claim"]["sentence"] in card
    assert "does not understand a sign language" in card
    assert 'handshape.load("hub:owner/name")' in card


def test_model_card__labels_worst_first_and_untested_ones_before_all() -> None:
    rows = [line for line in write().splitlines() if line.startswith("| ") and "label" not in line]
    assert rows == ["| C | 0 | not tested |", "| B | 10 | 50.0 % |", "| A | 10 | 100.0 % |"]
    assert "predicted as A (5 of 10 times)" in write()


def test_model_card__counts_signers_and_does_not_name_them() -> None:
    text = write()
    assert "**Accuracy by signer:** 50.0 %, 100.0 %." in text and "training photos of 1 signer" in text
    assert not any(name in text for name in ("anna", "zoë", "bob"))
    assert "**Only one signer**" in write(signers={"anna": {"accuracy": 0.5, "n": 10}})
    assert "**The signers are not known,**" in write(signers={})


def test_model_card__without_figures() -> None:
    text = model_card(("A", "B"), CNN, 0.4, {"train": 12, "valid": 3, "signers": []}, {})
    assert check_head(text).eval_results is None
    assert "Not measured" in text
    assert "12 training photos, 3 validation photos." in text


@pytest.mark.parametrize(
    "label", ["no", "1e3", "a: b", '"', "'", "---", "a\nb", "\x7f\x85", "😀", "{{ x }}", "- b", "#", "\\"]
)
def test_model_card__any_label_leaves_the_head_whole(label: str) -> None:
    results = check_head(write(labels=(label, "B"))).to_dict()["model-index"]
    assert results[0]["name"] == f"handshape: {label}, B"


def test_model_card__labels_are_no_markup() -> None:
    text = write(labels=("a|b", "<img src=x>"), most_confused=None)
    assert r"a\|b, \<img src=x\>" in text


@pytest.mark.parametrize("kind", ["source", "signer"])
def test_model_card__says_what_is_read_where_it_has_never_been(kind: str) -> None:
    left_out = {
        "kind": kind,
        "count": 3,
        "mean": 0.24,
        "interval": [0.1, 0.4],
        "interval_scope": "rooms, cameras or collections never seen",
        "worst": 0.2,
    }
    text = write(left_out=left_out)
    assert f"Each of 3 {kind}s was left out once" in text
    assert "**24.0 %** on average (95 % interval: 10.0–40.0 %), 20.0 % in the worst case." in text
    assert ("Expect this accuracy, not the one above, in a new room" in text) == (kind == "source")
    assert "\n- **Unsure.**" in text and "\n\n- **Unsure.**" not in text
    named = {result.metric_name: result.metric_value for result in check_head(text).eval_results}
    assert named[f"Mean accuracy, each {kind} left out once"] == 0.24
    assert "left out" not in write()
