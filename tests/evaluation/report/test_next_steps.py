import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.evaluation.conftest import by_source
from typer.testing import CliRunner

from handshape.cli import app
from handshape.config.train import CompareConfig, TrainConfig
from handshape.data.checks.finding import Finding
from handshape.evaluation.report.next_steps import next_steps
from handshape.evaluation.suspect_labels import SuspectLabel, SuspectLabels

OUT = Path("runs/it's first")


def commands(experiment: Any, config: Any, name: str = "train") -> list[list[str]]:
    return [shlex.split(step.command) for step in next_steps(experiment, config, name, OUT)]


def test_next_steps__keep_the_settings_of_the_run(make: Any) -> None:
    config = TrainConfig(
        data=Path("my photos"), signer=r"(\d+)_", seed=3, out=OUT, force=True, model="frozen"
    )
    by_signer, compared, serve = commands(make(), config)
    assert by_signer[:3] == ["handshape", "train", "my photos"]
    for pair in (("--signer", r"(\d+)_"), ("--seed", "3"), ("--folds", "signers"), ("--model", "frozen")):
        assert by_signer[by_signer.index(pair[0]) + 1] == pair[1]
    assert (
        by_signer[by_signer.index("--out") + 1] == "runs/it's first-by-signer" and "--force" not in by_signer
    )
    assert compared[1] == "compare" and compared[compared.index("--models") + 1] == "frozen,combined"
    assert serve == ["handshape", "serve", "runs/it's first"]


def test_next_steps__fit_what_was_found(make: Any) -> None:
    experiment = make(mirrored=0.2)
    wrong = SuspectLabel("A/1.png", "A", 0.01, "B", 0.9)
    serious = Finding("two_labels", "serious", "Two photos are wrong.", 0.1)
    data_report = replace(experiment.data_report, findings=[serious])
    experiment = replace(experiment, suspects=SuspectLabels(10, (wrong,)), data_report=data_report)
    folded = replace(by_source(experiment, (1, 1), True), suspects=experiment.suspects)
    config = CompareConfig(data=Path("photos"), folds="source", source="folder")
    excluded, inspected, _ = commands(folded, config, "compare")
    assert excluded[excluded.index("--exclude") + 1] == str(OUT / "suspect-labels.txt")
    assert inspected[1] == "inspect" and inspected[inspected.index("--source") + 1] == "folder"
    calm = replace(folded, suspects=None, data_report=replace(folded.data_report, findings=[]))
    assert "--mirror" in commands(calm, config, "compare")[0]
    assert [one[1] for one in commands(calm, replace(config, mirror=True), "compare")][-1] == "serve"


def test_next_steps__the_command_line_takes_each(finished: Any) -> None:
    steps = [shlex.split(one["command"]) for one in finished.metrics["next"]]
    assert 2 <= len(steps) <= 3 and all(one[0] == "handshape" for one in steps)
    for words in steps:
        answer = CliRunner().invoke(app, [*words[1:], "--help"])
        assert answer.exit_code == 0, answer.output
    page = (finished.out / "report.html").read_text(encoding="utf-8")
    assert all(f"<span>{words[1]}</span>" in page for words in steps)
