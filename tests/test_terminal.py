from pathlib import Path
from typing import Any

import pytest

from handshape.config.train import CompareConfig
from handshape.config.use import EvaluateConfig, InspectConfig, PredictConfig
from handshape.data.splits.claim import AccuracyClaim
from handshape.terminal import (
    show_compare,
    show_evaluate,
    show_inspect,
    show_predict,
)

DATA = Path("photos")


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")


def line_with(text: str, *words: str) -> str:
    (line,) = (line for line in text.splitlines() if all(word in line for word in words))
    return " ".join(line.split())


def model(valid: float, test: float, trained: int) -> dict[str, Any]:
    return {
        "valid_accuracy": valid,
        "test_accuracy": test,
        "test_interval": [test - 0.1, test + 0.05],
        "seconds": {"features": 1.25, "train": 12.34, "total": 13.59},
        "parameters": {"total": 735_424, "trained": trained},
    }


def test_show_compare__one_row_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    split = {"kind": "signer", "train": 60, "valid": 20, "test": 21}
    models = {"cnn": model(0.8, 0.75, 735_424), "frozen": model(0.95, 0.9, 4_617)}
    plain = {"near_duplicates_across_splits": 0.5, "models": {"cnn": {"test_accuracy": 0.99}}}
    leaks = {"near_duplicates_across_splits": 0.25, "without_grouping": plain}
    folds = {
        "frozen": {
            "mean": 0.9,
            "interval": {"low": 0.8, "high": 0.95},
            "next_signer": {"low": 0.7, "high": 1.0, "photos": 4},
            "metrics": {"signers": {"ann": {"accuracy": 0.85, "n": 4}}},
        }
    }
    answer = "About 90 of 100"
    metrics = {
        "split": split,
        "models": models,
        "leaks": leaks,
        "folds": folds,
        "answer": answer,
        "best": "frozen",
        "best_because": "It was better.",
    }
    show_compare(CompareConfig(data=DATA), metrics)
    out = capsys.readouterr().out
    assert out.endswith(f"{answer}.\n")
    folded = "frozen, mean over each signer left out: 90.0 % (95 % interval: 80.0–95.0 %); one more signer: "
    assert f"{folded}70–100 %; ann 85.0 %" in out
    assert "25.0 % of the test photos have a near-copy in training" in out
    assert "50.0 % of the test photos" in out and "cnn 99.0 %" in out
    assert "Saved: frozen. It was better." in out
    assert "signer" in out and "60 training, 20 validation and 21 test photos" in out
    assert line_with(out, "cnn", "65.0–80.0").startswith("cnn 80.0 % 75.0 % 65.0–80.0 1.2 s 12.3 s 0.74 M")
    assert line_with(out, "frozen", "0.00 M")


@pytest.mark.parametrize(("count", "whom"), [(2, " for these two"), (3, "")])
def test_show_compare__each_source_left_out(
    capsys: pytest.CaptureFixture[str], count: int, whom: str
) -> None:
    rooms = {f"room {n}": {"accuracy": 0.25, "n": 4} for n in range(count)}
    folds = {
        "kind": "source",
        "mean": 0.25,
        "interval": {"low": 0.1, "high": 0.4},
        "next_source": {"low": 0.0, "high": 0.6, "photos": 4} if count > 2 else None,
        "metrics": {"sources": rooms},
    }
    metrics = {
        "split": {"kind": "random", "train": 60, "valid": 20, "test": 21},
        "models": {"frozen": model(0.95, 0.9, 4_617)},
        "leaks": {"near_duplicates_across_splits": 0},
        "folds": {"frozen": folds},
        "answer": "So it is",
    }
    show_compare(CompareConfig(data=DATA), metrics)
    more = "; one more source: 0–60 %" if count > 2 else ""
    assert (
        f"25.0 % (95 % interval{whom}: 10.0–40.0 %){more}; room 0 25.0 %, room 1 25.0 %"
        in capsys.readouterr().out
    )


def test_show_inspect__names_what_is_missing_and_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    tensor = {"shape": [3, 224, 224], "type": "torch.float32", "smallest": 0.0, "largest": 0.9961}
    found = {
        "images": 5,
        "counts": {"A": 3, "B": 2},
        "split": {
            "kind": "given",
            "counts": {"train": {"A": 1, "B": 2}, "valid": {"A": 1, "B": 0}, "test": {"A": 1, "B": 0}},
            "missing": {"valid": ["B"], "test": ["B"]},
        },
        "signers": {"ann": 3, "ben": 2},
        "sources": {"hall": 1, "lab": 4},
        "sizes": [{"width": 200, "height": 100, "mode": "RGB", "images": 5}],
        "example": {"path": "A/1.png", "label": "A", "y": 0, "x": tensor},
        "minibatch": {"x": tensor, "y": {"shape": [2], "type": "torch.int64", "values": [1, 0]}},
        "unused": {
            "unreadable": [{"path": "A/[red]x\x1b.jpg", "reason": "the file is empty", "files": 1}],
            "hidden": [{"path": ".x", "reason": "a hidden file or folder", "files": 1}] * 12,
        },
        "layout": {"links": 3, "links_out": 1},
        "next": "handshape compare photos",
        "leaks": {"near_duplicates_across_splits": 0.0, "photos": 0},
        "bursts": 5,
        "findings": [],
    }
    show_inspect(InspectConfig(data=DATA), found)
    out = capsys.readouterr().out
    assert line_with(out, " B ", " 2 ") == "B 2 0 0 2"
    assert line_with(out, "all", "5").startswith("all 3 1 1 5") or "all" in out
    assert "x: 3 x 224 x 224 float32 in [0, 0.9961]   y: 0 (A)" in out
    assert "y: 2 int64 [1, 0]" in out
    assert "200 x 100 RGB: 5 images" in out
    assert line_with(out, "Signers") == "Signers ann (3), ben (2)"
    assert line_with(out, "Sources") == "Sources hall (1), lab (4)"
    assert line_with(out, "Missing", "validation") == "Missing no validation image of B"
    assert line_with(out, "Not used", "red") == r"Not used A/[red]x\x1b.jpg: the file is empty"
    assert line_with(out, "more") == "Not used and 2 more (hidden; --json lists all)"
    assert line_with(out, "Links") == "Links 3 followed, 1 of them lead out of the folder"
    assert line_with(out, "Next") == "Next handshape compare photos"


def test_show_evaluate__a_label_nobody_shows_has_no_figure(capsys: pytest.CaptureFixture[str]) -> None:
    figures = {"recall": 0.5, "precision": 1.0, "f1": 0.67, "support": 4}
    nobody = {"recall": None, "precision": None, "f1": None, "support": 0}
    found = {
        "accuracy": 0.5,
        "interval": [0.2, 0.8],
        "n": 4,
        "labels": {"A": figures, "B": nobody},
        "signers": {"ann": {"accuracy": 0.25, "n": 4}},
        "sources": {"hall": {"accuracy": 0.5, "n": 2}},
        "rejection": {"coverage": 0.75, "answered_accuracy": 2 / 3},
        "mirrored_accuracy": 0.25,
        "claim": AccuracyClaim(4).to_dict(),
        "missing_labels": ["B"],
    }
    show_evaluate(EvaluateConfig(bundle=Path("b"), data=DATA), found)
    out = capsys.readouterr().out
    assert out.startswith("50.0 % of 4 photos were classified correctly (95 % interval: 20.0–80.0 %)")
    assert line_with(out, " A ") == "A 4 50.0 % 100.0 %"
    assert line_with(out, " B ") == "B 0 - -"
    assert "Signer ann: 25.0 % of 4" in out
    assert "Source hall: 50.0 % of 2" in out
    assert "75.0 % of the photos" in out and "66.7 % of those" in out
    assert "Mirrored photos: 25.0 %" in out
    assert AccuracyClaim(4).sentence in out and "Not tested: B" in out


def test_show_predict__a_line_for_machines_that_cut_at_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    answers = [{"path": "a b.png", "label": "A", "probability": 0.98765, "top": [["A", 0.98765]]}]
    show_predict(PredictConfig(bundle=Path("b"), images=[Path("a b.png")]), answers)
    assert capsys.readouterr().out == "a b.png\tA\t0.9877\n"
