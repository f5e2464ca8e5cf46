import json
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from tests.processes import Starter

from handshape.studies import chirality

SMALL = ("--backbone", "handnet", "--device", "cpu", "--epochs", 2, "--signer", r"signer(\d+)_")


def without_costs(value: Any) -> Any:
    """Figures without durations and memory, which alone may differ."""
    if isinstance(value, dict):
        costs = ("seconds", "peak_megabytes")
        return {key: without_costs(item) for key, item in value.items() if key not in costs}
    return [without_costs(item) for item in value] if isinstance(value, list) else value


def kill_when(starter: Starter, words: tuple[object, ...], there: Path) -> None:
    """Run the command line in a process of its own and kill it as soon as a file is there."""
    process = starter.run(*words)
    assert process.wait(there.exists) is None, process.err
    process.send(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


def check_run(run: Path, plots: set[str], sheets: set[str]) -> Any:
    """Check that a finished study has its plots and a page that opens offline; return metrics."""
    assert not (run / "progress").exists() and (run / "history.csv").is_file()
    svg = {f"{name}.svg" for name in plots}
    assert {path.name for path in (run / "plots").iterdir()} == svg | {f"{n}.png" for n in plots | sheets}
    page = (run / "report.html").read_text(encoding="utf-8")
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["answer"].split(":")[0][:40] in page and not re.search(r'(src|href)="https?://', page)
    return without_costs(metrics)


@pytest.mark.slow
def test_chirality__killed_at_three_points_gives_the_same_figures(
    cli: Any, starter: Starter, make_photos: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Few pictures as controls in this process: that of the third kill has not reached them.
    monkeypatch.setattr(chirality, "ARROWS", {"train": 8, "valid": 4, "test": 6})
    monkeypatch.setattr(chirality, "DRAWN_SIGNERS", {"train": 3, "valid": 1, "test": 2})
    monkeypatch.setattr(chirality, "DRAWN_LETTERS", "BL")
    photos, run, resume = make_photos(images=2), tmp_path / "run", ("study", "chirality", "--resume")
    words = ("study", "chirality", photos, *SMALL, "--tuning-epochs", 1, "--cache", tmp_path / "cache")
    answer = cli(*words, "--out", tmp_path / "whole", "--json")
    assert answer.code == 0, answer.err
    kill_when(starter, (*words, "--out", run), run / "progress" / "border.json")
    kill_when(starter, (*resume, run), run / "progress" / "cnn.checkpoint")
    # No other photos or settings, and no new run in its place.
    assert cli(*words, "--out", run).err.endswith("or add --force to start again\n")
    assert "--epochs given with --resume, and unlike what" in cli(*resume, run, "--epochs", 3).err
    (photos / "A" / "signer1_0.png").rename(tmp_path / "photo")
    assert f"the photos in '{photos}' are not those that '{run}' was started" in cli(*resume, run).err
    (tmp_path / "photo").rename(photos / "A" / "signer1_0.png")
    kill_when(starter, (*resume, run), run / "progress" / "similarity.json")
    assert not (run / "metrics.json").exists() and not (run / "report.html").exists()
    assert "Step cnn: finished before." in cli(*resume, run, "--json").err
    figures = check_run(run, {"similarity-1x1", "similarity-4x4"}, set())
    assert figures == without_costs(answer.json)
    rows = (run / "history.csv").read_text(encoding="utf-8").split()[1:]
    steps = [tuple(row.split(",")[:2]) for row in rows]
    assert steps == [("finetuned", "0"), ("finetuned", "1"), ("cnn", "1"), ("cnn", "2")]
    assert "is finished; expected an unfinished run" in cli(*resume, run).err


@pytest.mark.slow
def test_autoencoder__killed_in_training_gives_the_same_figures(
    cli: Any, starter: Starter, make_photos: Any, tmp_path: Path
) -> None:
    run, small = tmp_path / "run", (*SMALL, "--batch-size", 8, "--cache", tmp_path / "cache")
    words = ("study", "autoencoder", make_photos(images=2), *small)
    answer = cli(*words, "--out", tmp_path / "whole", "--json")
    assert answer.code == 0, answer.err
    assert list(answer.json["encoders"]) == ["frozen", "longer", "tuned", "scratch"]
    assert answer.json["code"]["numbers"] == {"code": 192 * 7 * 7, "photo": 3 * 224**2}
    kill_when(starter, (*words, "--out", run), run / "progress" / "layers.checkpoint")
    assert cli("study", "autoencoder", "--resume", run).code == 0
    assert check_run(run, set(), {"photos", "layers-photos", "samples"}) == without_costs(answer.json)


@pytest.mark.slow
def test_finetune__accuracies_and_costs_by_size(cli: Any, make_photos: Any, tmp_path: Path) -> None:
    # Resuming a killed one is tested in tests/faults.
    places = ("--cache", tmp_path / "cache", "--out", tmp_path / "run")
    answer = cli("study", "finetune", make_photos(images=2), *SMALL, "--sizes", "1,all", *places)
    assert answer.code == 0, answer.err
    sizes = check_run(tmp_path / "run", {"accuracy-by-photos"}, set())["sizes"]
    assert set(sizes) == {"1", "4"}
    for models in sizes.values():
        assert list(models) == ["frozen", "last", "all", "scratch"]
        assert models["last"]["trained"] < models["all"]["trained"] == models["scratch"]["trained"]
        assert models["frozen"]["against_frozen"]["difference"] == 0


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("chirality", "--resume", "nothing"), 1, "'nothing' is no run; expected the directory of an"),
        (("chirality", "photos", "--weight-decay", "-1"), 2, "--weight-decay -1.0; expected zero or more"),
        (("finetune", "photos", "--sizes", "1,some"), 2, "--sizes '1,some'; expected numbers of photos, or"),
        (("finetune", "photos", "--epochs", "0"), 2, "--epochs 0; expected a positive number; change it"),
    ],
)
def test_study__settings_that_are_refused(cli: Any, words: Any, code: int, message: str) -> None:
    answer = cli("study", *words)
    assert (answer.code, answer.out) == (code, "") and message in answer.err
