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

from handshape.studies import chirality

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
    """Check a finished study: every file, a page that opens offline, and no progress."""
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
    """Draw few pictures as controls; their accuracies are tested elsewhere."""
    monkeypatch.setattr(chirality, "ARROWS", {"train": 8, "valid": 4, "test": 6})
    monkeypatch.setattr(chirality, "DRAWN_SIGNERS", {"train": 3, "valid": 1, "test": 2})
    monkeypatch.setattr(chirality, "DRAWN_LETTERS", "BL")


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
    assert cli(*words, "--out", run).err.endswith("or add --force to start again\n")
    assert "--epochs given with --resume, and unlike what" in cli(*resume, "--epochs", 3).err
    kill_when(starter, resume, progress / "similarity.json")
    photo = words[2] / "A" / "signer1_0.png"
    kept = photo.read_bytes()
    photo.unlink()
    assert f"the photos in '{words[2]}' are not those that '{run}' was started with" in cli(*resume).err
    photo.write_bytes(kept)
    assert not (run / "metrics.json").exists() and not (run / "report.html").exists()
    answer = cli(*resume, "--json")
    assert answer.code == 0, answer.err
    assert "Step cnn: finished before." in answer.err
    assert figures(run) == figures(tmp_path / "whole") == without_seconds(answer.json)
    check_run(run, {"similarity-1x1", "similarity-4x4"})
    with (run / "history.csv").open(newline="", encoding="utf-8") as file:
        rows = [(row["step"], row["epoch"]) for row in csv.DictReader(file)]
    assert rows == [("finetuned", "0"), ("finetuned", "1"), ("cnn", "1"), ("cnn", "2")]
    assert "is finished; expected an unfinished run" in cli(*resume).err


def test_chirality__no_run_to_resume(cli: Any, tmp_path: Path) -> None:
    answer = cli("study", "chirality", "--resume", tmp_path / "nothing")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err == (
        f"handshape study chirality: '{tmp_path / 'nothing'}' is no run; expected the directory of an "
        "unfinished study; check the path of --resume\n"
    )


def test_chirality__no_photos(cli: Any) -> None:
    answer = cli("study", "chirality")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == (
        "handshape study chirality: no photos named; expected DATA, or --resume with an unfinished run; "
        "name one of them\n"
    )


@pytest.mark.slow
def test_autoencoder__killed_while_it_trains_gives_the_same_figures(
    cli: Any, starter: Starter, make_photos: Callable[..., Path], tmp_path: Path
) -> None:
    small = ("--backbone", "handnet", "--device", "cpu", "--epochs", 2, "--batch-size", 8)
    words = ("study", "autoencoder", make_photos(images=2), *SIGNER, *small, "--store", tmp_path / "store")
    answer = cli(*words, "--out", tmp_path / "whole", "--json")
    assert answer.code == 0, answer.err
    found = answer.json
    assert list(found["encoders"]) == ["frozen", "longer", "tuned", "scratch"]
    assert len(found["layers"]["layers"]) == 7
    assert found["code"]["numbers"] == {"code": 192 * 7 * 7, "photo": 3 * 224**2}
    run, resume = tmp_path / "run", ("study", "autoencoder", "--resume", tmp_path / "run")
    kill_when(starter, (*words, "--out", run), run / "progress" / "layers.checkpoint")
    assert cli(*resume).code == 0
    assert figures(run) == figures(tmp_path / "whole") == without_seconds(found)
    check_run(run, set(), {"photos", "layers-photos", "samples"})
    with (run / "history.csv").open(newline="", encoding="utf-8") as file:
        steps = [row["step"] for row in csv.DictReader(file)]
    assert steps == ["frozen"] * 2 + ["longer", "tuned", "scratch"] + ["layers"] * 2


@pytest.mark.slow
def test_finetune__accuracies_and_costs_by_size(
    cli: Any, make_photos: Callable[..., Path], tmp_path: Path
) -> None:
    # Resuming a killed one is tested in tests/faults.
    run, sizes = tmp_path / "run", ("--sizes", "1,all")
    places = ("--store", tmp_path / "store", "--out", run)
    answer = cli("study", "finetune", make_photos(images=2), *SIGNER, *SMALL, *sizes, *places, "--json")
    assert answer.code == 0, answer.err
    check_run(run, {"accuracy-by-photos"})
    assert set(answer.json["sizes"]) == {"1", "4"}
    for ways in answer.json["sizes"].values():
        assert set(ways) == {"frozen", "last", "all", "scratch"}
        assert ways["last"]["trained"] < ways["all"]["trained"] == ways["scratch"]["trained"]
        assert ways["frozen"]["against_frozen"]["difference"] == 0


def test_finetune__sizes_that_are_none(cli: Any, make_photos: Callable[..., Path]) -> None:
    answer = cli("study", "finetune", make_photos(), "--sizes", "1,some")
    assert answer.code == 2
    assert "--sizes '1,some'; expected numbers of photos, or all; write them like 1,5,20,all" in answer.err
    answer = cli("study", "finetune", make_photos(name="more"), "--epochs", 0)
    assert answer.code == 2 and "--epochs 0; expected a positive number" in answer.err
