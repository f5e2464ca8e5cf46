import csv
import json
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.processes import Starter

from handshape.studies import mirror_control

SMALL = ("--backbone", "handnet", "--device", "cpu", "--epochs", 2)
SIGNER = ("--signer", r"signer(\d+)_")


_COSTS = ("seconds", "peak_megabytes")


def without_seconds(value: Any) -> Any:
    """Figures without durations and memory, which alone may differ."""
    if isinstance(value, dict):
        return {key: without_seconds(item) for key, item in value.items() if key not in _COSTS}
    return [without_seconds(item) for item in value] if isinstance(value, list) else value


def figures(run: Path) -> Any:
    return without_seconds(json.loads((run / "metrics.json").read_text(encoding="utf-8")))


def kill_when(starter: Starter, words: tuple[object, ...], there: Path) -> None:
    """Run the command line in a process of its own and kill it as soon as a file is there."""
    process = starter.run(*words)
    assert process.wait(there.exists) is None, process.err
    process.send(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


def check_run(run: Path, plots: set[str], pictures: set[str] = frozenset()) -> None:  # type: ignore[assignment]
    """A finished study: every file, a page that opens offline, and no trace of its progress."""
    assert {path.name for path in run.iterdir()} >= {"config.json", "metrics.json", "report.html", "plots"}
    assert not (run / "progress").exists()
    found = {path.name for path in (run / "plots").iterdir()}
    assert found == {f"{name}.{kind}" for name in plots for kind in ("svg", "png")} | {
        f"{name}.png" for name in pictures
    }
    for path in (run / "plots").glob("*.png"):
        with Image.open(path) as image:
            assert min(image.size) > 100
    page = (run / "report.html").read_text(encoding="utf-8")
    answer = json.loads((run / "metrics.json").read_text(encoding="utf-8"))["answer"]
    assert answer.split(":")[0][:40] in page and not re.search(r'(src|href)="https?://', page)


@pytest.fixture
def few_controls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw a few pictures as controls; what they tell is seen in tests of their own."""
    monkeypatch.setattr(mirror_control, "ARROWS", {"train": 8, "valid": 4, "test": 6})
    monkeypatch.setattr(mirror_control, "SIGNERS", {"train": 3, "valid": 1, "test": 2})
    monkeypatch.setattr(mirror_control, "LETTERS", "BL")


@pytest.mark.slow
@pytest.mark.usefixtures("few_controls")
def test_chirality__killed_at_three_points_gives_the_same_figures(
    cli: Any, starter: Starter, make_photos: Callable[..., Path], tmp_path: Path
) -> None:
    store = ("--store", tmp_path / "store")
    words = ("study", "chirality", make_photos(images=2), *SIGNER, *SMALL, "--tuning-epochs", 1, *store)
    answer = cli(*words, "--out", tmp_path / "whole", "--json")
    assert answer.code == 0, answer.err
    run, resume = tmp_path / "run", ("study", "chirality", "--resume", tmp_path / "run")
    progress = run / "progress"
    kill_when(starter, (*words, "--out", run), progress / "border.json")
    assert sorted(path.name for path in run.iterdir()) == ["config.json", "progress"]
    kill_when(starter, resume, progress / "cnn.checkpoint")
    assert not (progress / "cnn.json").exists()
    # No other study, no other settings, and no new run where this one is.
    assert cli(*words, "--out", run).err.endswith("or add --force to begin anew\n")
    assert "--epochs given with --resume, and unlike what" in cli(*resume, "--epochs", 3).err
    kill_when(starter, resume, progress / "similarity.json")
    assert not (run / "metrics.json").exists() and not (run / "report.html").exists()
    answer = cli(*resume, "--json")
    assert answer.code == 0, answer.err
    assert "Step cnn: finished before." in answer.err
    assert figures(run) == figures(tmp_path / "whole") == without_seconds(answer.json)
    check_run(run, {"similarity-1x1", "similarity-4x4"})
    with (run / "history.csv").open(newline="", encoding="utf-8") as file:
        rows = [(row["step"], row["epoch"]) for row in csv.DictReader(file)]
    assert rows == [("finetuned", "0"), ("finetuned", "1"), ("cnn", "1"), ("cnn", "2")]
    assert "is finished" in cli(*resume).err


@pytest.mark.slow
def test_chirality__other_photos_are_not_gone_on_with(
    cli: Any, starter: Starter, make_photos: Callable[..., Path], tmp_path: Path
) -> None:
    photos, run = make_photos(), tmp_path / "run"
    words = (
        "study",
        "chirality",
        photos,
        *SIGNER,
        *SMALL,
        "--tuning-epochs",
        1,
        "--store",
        tmp_path / "store",
        "--out",
        run,
    )
    kill_when(starter, words, run / "progress" / "border.json")
    (photos / "A" / "signer1_0.png").unlink()
    answer = cli("study", "chirality", "--resume", run)
    assert answer.code == 1
    assert f"the photos in '{photos}' are not those that '{run}' was begun with" in answer.err
    assert (run / "progress" / "border.json").exists()


def test_chirality__no_run_to_go_on_with(cli: Any, tmp_path: Path) -> None:
    answer = cli("study", "chirality", "--resume", tmp_path / "nothing")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith(f"handshape study chirality: '{tmp_path / 'nothing'}' is no run")


def test_chirality__no_photos(cli: Any) -> None:
    answer = cli("study", "chirality")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("handshape study chirality: no photos named")


@pytest.mark.slow
def test_autoencoder__killed_while_it_trains_gives_the_same_figures(
    cli: Any, starter: Starter, make_photos: Callable[..., Path], tmp_path: Path
) -> None:
    small = ("--backbone", "handnet", "--device", "cpu", "--epochs", 2, "--batch-size", 8)
    words = ("study", "autoencoder", make_photos(images=2), *SIGNER, *small, "--store", tmp_path / "store")
    answer = cli(*words, "--out", tmp_path / "whole", "--json")
    assert answer.code == 0, answer.err
    found = answer.json
    assert (
        list(found["ways"]) == ["frozen", "longer", "tuned", "scratch"]
        and len(found["layers"]["layers"]) == 7
    )
    assert found["space"]["dimensions"] == {
        "code": 192 * 7 * 7,
        "image": 3 * 224**2,
        "code_bytes": 2 * 192 * 7 * 7,
        "image_bytes": 3 * 224**2,
    }
    run, resume = tmp_path / "run", ("study", "autoencoder", "--resume", tmp_path / "run")
    kill_when(starter, (*words, "--out", run), run / "progress" / "layers.checkpoint")
    assert cli(*resume).code == 0
    assert figures(run) == figures(tmp_path / "whole") == without_seconds(found)
    check_run(run, {"learning", "layers"}, {"photos", "layers-photos", "walk", "samples"})
    with (run / "history.csv").open(newline="", encoding="utf-8") as file:
        steps = [row["step"] for row in csv.DictReader(file)]
    assert steps == ["frozen"] * 2 + ["longer", "tuned", "scratch"] + ["layers"] * 2


@pytest.mark.slow
def test_finetune__how_far_blocks_move(cli: Any, make_photos: Callable[..., Path], tmp_path: Path) -> None:
    # That a killed one is gone on with is shown in tests/faults.
    run, sizes = tmp_path / "run", ("--sizes", "1,all")
    places = ("--store", tmp_path / "store", "--out", run)
    answer = cli("study", "finetune", make_photos(images=2), *SIGNER, *SMALL, *sizes, *places, "--json")
    assert answer.code == 0, answer.err
    check_run(run, {"accuracy-by-photos"})
    assert set(answer.json["sizes"]) == {"1", "4"}
    for ways in answer.json["sizes"].values():
        assert set(ways) == {"frozen", "last", "all", "scratch"}
        assert ways["last"]["trained"] < ways["all"]["trained"] == ways["scratch"]["trained"]
        for way in ("last", "all"):
            assert all(0 <= alike <= 1 + 1e-9 for alike in ways[way]["drift"].values())
        # Blocks that stay as they are have not drifted; the last one is the seventh.
        first = next(iter(ways["last"]["drift"].values()))
        assert first == pytest.approx(1)


def test_finetune__sizes_that_are_none(cli: Any, make_photos: Callable[..., Path]) -> None:
    answer = cli("study", "finetune", make_photos(), "--sizes", "1,some")
    assert answer.code == 2
    assert "--sizes '1,some'" in answer.err
    answer = cli("study", "finetune", make_photos(name="more"), "--epochs", 0)
    assert answer.code == 2 and "--epochs 0" in answer.err
