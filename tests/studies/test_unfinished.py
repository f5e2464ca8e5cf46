import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from handshape.config.study import ChiralityConfig
from handshape.errors import OutputError, UsageError
from handshape.run import claim
from handshape.studies.unfinished import begin_study, check_new_study, find_unfinished, resumed_settings

COMMAND = "study chirality"
CONFIG = ChiralityConfig(data=Path("/photos"), device="cpu", epochs=3)


def begin(out: Path, config: ChiralityConfig = CONFIG, *, force: bool = False) -> None:
    description = {"command": COMMAND, "settings": asdict(config), "data_digest": "d"}
    with claim(out, force=force) as claimed:
        begin_study(claimed, description, force=force)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    begin(tmp_path / "run")
    return tmp_path / "run"


def test_begin_study__replaces_with_force_only(run: Path) -> None:
    assert sorted(path.name for path in run.iterdir()) == ["config.json", "progress"]
    advice = "continue it with --resume, choose another --out, or add --force to start again"
    with pytest.raises(OutputError, match=f"holds an unfinished run; expected .*; {advice}"):
        check_new_study(run, force=False)
    (run / "progress" / "a.json").write_text("{}")
    begin(run, replace(CONFIG, epochs=4), force=True)
    assert find_unfinished(run, COMMAND)["settings"]["epochs"] == 4
    assert list((run / "progress").iterdir()) == []


@pytest.mark.parametrize("text", [None, "{", "[]", '{"command": "study chirality"}'])
def test_find_unfinished__no_run(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    with pytest.raises(OutputError, match="is no run"):
        find_unfinished(tmp_path, COMMAND)


def test_find_unfinished__another_command(run: Path) -> None:
    with pytest.raises(OutputError, match="is a run of 'study chirality'"):
        find_unfinished(run, "study finetune")


def test_resumed_settings__those_of_the_run(run: Path, tmp_path: Path) -> None:
    stored = find_unfinished(run, COMMAND)["settings"]
    for given in ({}, {"data": Path("/photos"), "epochs": 3, "out": run}):
        found = resumed_settings(ChiralityConfig(resume=run, **given), run, stored)  # type: ignore[arg-type]
        assert found == replace(CONFIG, out=run) and isinstance(found.data, Path)
    other: Any = {"data": Path("/others"), "epochs": 5, "labels": "A-C", "out": tmp_path / "other"}
    message = f"--labels, DATA, --epochs, --out given with --resume, and unlike what '{run}' was started with"
    with pytest.raises(UsageError, match=re.escape(message)):
        resumed_settings(ChiralityConfig(resume=run, **other), run, stored)
    stored.pop("epochs")
    with pytest.raises(OutputError, match="was started by another version of handshape"):
        resumed_settings(ChiralityConfig(resume=run), run, stored)
