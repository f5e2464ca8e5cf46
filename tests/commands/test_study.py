import json
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from tests.processes import Starter

from handshape.studies import drawn_arrows

SMALL = ("--backbone", "handnet", "--device", "cpu", "--epochs", 2, "--signer", r"signer(\d+)_")


def without_costs(value: Any) -> Any:
    """Figures without durations, which alone may differ."""
    if isinstance(value, dict):
        return {key: without_costs(item) for key, item in value.items() if key != "seconds"}
    return [without_costs(item) for item in value] if isinstance(value, list) else value


def kill_when(starter: Starter, words: tuple[object, ...], cache: Path, name: str) -> None:
    """Run a study in a process of its own and kill it as soon as a file of one of its steps is there."""
    process = starter.run(*words)
    assert process.wait(lambda: any(cache.glob(f"studies/*/{name}"))) is None, process.err
    process.send(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


def check_run(run: Path, plots: set[str], sheets: set[str]) -> Any:
    """Check that a finished study has its plots and a page that opens offline; return metrics."""
    assert (run / "history.csv").is_file()
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
    monkeypatch.setattr(drawn_arrows, "ARROWS", {"train": 8, "valid": 4, "test": 6})
    run, cache = tmp_path / "run", tmp_path / "cache"
    words = ("study", "chirality", make_photos(images=2), *SMALL, "--tuning-epochs", 1, "--cache", cache)
    answer = cli(*words, "--out", tmp_path / "whole", "--json")
    assert answer.code == 0, answer.err
    for name in ("thumbnail.finished", "cnn.checkpoint", "similarity.finished"):
        kill_when(starter, (*words, "--out", run), cache, name)
        assert not run.exists()
    assert "Step cnn: finished before." in cli(*words, "--out", run, "--json").err
    assert not any(cache.glob("studies/*/"))
    figures = check_run(run, {"similarity-1x1", "similarity-4x4"}, set())
    assert figures == without_costs(answer.json)
    rows = (run / "history.csv").read_text(encoding="utf-8").split()[1:]
    steps = [tuple(row.split(",")[:2]) for row in rows]
    assert steps == [("finetuned", "0"), ("finetuned", "1"), ("cnn", "1"), ("cnn", "2")]


@pytest.mark.slow
def test_autoencoder__killed_in_training_gives_the_same_figures(
    cli: Any, starter: Starter, make_photos: Any, tmp_path: Path
) -> None:
    run, cache = tmp_path / "run", tmp_path / "cache"
    words = ("study", "autoencoder", make_photos(images=2), *SMALL, "--batch-size", 8, "--cache", cache)
    answer = cli(*words, "--out", tmp_path / "whole", "--json")
    assert answer.code == 0, answer.err
    assert list(answer.json["encoders"]) == ["frozen", "longer", "tuned", "scratch"]
    kill_when(starter, (*words, "--out", run), cache, "layers.checkpoint")
    assert cli(*words, "--out", run).code == 0
    assert check_run(run, set(), {"photos", "layers-photos"}) == without_costs(answer.json)


@pytest.mark.slow
def test_finetune__accuracies_and_costs_by_size(cli: Any, make_photos: Any, tmp_path: Path) -> None:
    # Continuing a killed one is tested in tests/faults.
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
        (("finetune", "photos", "--sizes", "1,some"), 2, "--sizes '1,some'; expected numbers of photos, or"),
        (("autoencoder", "photos", "--photos", "3"), 2, "--photos 3; expected 12 or more; change it"),
    ],
)
def test_study__settings_that_are_refused(cli: Any, words: Any, code: int, message: str) -> None:
    answer = cli("study", *words)
    assert (answer.code, answer.out) == (code, "") and message in answer.err
