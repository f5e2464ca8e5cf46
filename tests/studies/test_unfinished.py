import json
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from handshape.config.study import ChiralityConfig
from handshape.errors import OutputError, UsageError
from handshape.run import claim
from handshape.studies.unfinished import begin as begin_claimed
from handshape.studies.unfinished import check_new, find_unfinished, settings_of

COMMAND = "study chirality"


def config(**settings: Any) -> ChiralityConfig:
    return ChiralityConfig(data=Path("/photos"), device="cpu", **settings)


def description(asked: ChiralityConfig) -> dict[str, Any]:
    return {"command": COMMAND, "settings": asdict(asked), "data_digest": "d"}


def begin(out: Path, described: dict[str, Any], *, force: bool) -> None:
    with claim(out, force=force) as claimed:
        begin_claimed(claimed, described, force=force)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    begin(tmp_path / "run", description(config(epochs=3)), force=False)
    return tmp_path / "run"


def stored(run: Path) -> dict[str, Any]:
    settings: dict[str, Any] = find_unfinished(run, COMMAND)["settings"]
    return settings


def test_begin__an_unfinished_run_has_settings_and_progress_only(run: Path) -> None:
    assert sorted(path.name for path in run.iterdir()) == ["config.json", "progress"]
    assert json.loads((run / "config.json").read_text(encoding="utf-8"))["command"] == COMMAND
    assert [path.name for path in run.parent.iterdir()] == ["run"]


def test_check_new__an_unfinished_run(run: Path) -> None:
    message = (
        f"'{run}' holds an unfinished run; expected a new or empty directory; "
        "go on with --resume, choose another --out, or add --force to begin anew"
    )
    with pytest.raises(OutputError, match=re.escape(message)):
        check_new(run, force=False)
    (run / "progress" / "a.json").write_text("{}")
    begin(run, description(config(epochs=4)), force=True)
    assert stored(run)["epochs"] == 4 and list((run / "progress").iterdir()) == []


def test_check_new__something_else(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"dear")
    with pytest.raises(OutputError, match="is not empty; expected a new or empty directory"):
        check_new(tmp_path, force=False)
    with pytest.raises(OutputError, match="contains something other than a run"):
        begin(tmp_path, description(config()), force=True)
    assert (tmp_path / "photo.jpg").read_bytes() == b"dear"


def test_find_unfinished__no_run(tmp_path: Path) -> None:
    message = (
        f"'{tmp_path}' is no run; expected the directory of an unfinished study; check the path of --resume"
    )
    for text in (None, "{", "[]", '{"command": "study chirality"}'):
        if text is not None:
            (tmp_path / "config.json").write_text(text)
        with pytest.raises(OutputError, match=re.escape(message)):
            find_unfinished(tmp_path, COMMAND)


def test_find_unfinished__another_command(run: Path) -> None:
    message = f"'{run}' is a run of 'study chirality'; expected an unfinished run of 'study finetune'"
    with pytest.raises(OutputError, match=re.escape(message)):
        find_unfinished(run, "study finetune")


def test_find_unfinished__finished(run: Path) -> None:
    (run / "progress").rmdir()
    message = f"'{run}' is finished; expected an unfinished run; open '{run / 'report.html'}', or begin anew"
    with pytest.raises(OutputError, match=re.escape(message)):
        find_unfinished(run, COMMAND)


def test_settings_of__the_run_s_own(run: Path) -> None:
    found = settings_of(ChiralityConfig(resume=run), run, stored(run))
    assert found == replace(config(epochs=3), out=run)
    assert isinstance(found.data, Path)
    same = ChiralityConfig(resume=run, data=Path("/photos"), epochs=3, out=run)
    assert settings_of(same, run, stored(run)) == found


def test_settings_of__contrary(run: Path, tmp_path: Path) -> None:
    given = ChiralityConfig(resume=run, data=Path("/others"), epochs=5, labels="A-C", out=tmp_path / "other")
    with pytest.raises(UsageError) as caught:
        settings_of(given, run, stored(run))
    assert str(caught.value) == (
        f"--epochs, --labels, DATA, --out given with --resume, and unlike what '{run}' was begun with; "
        "expected the settings of the run; leave them out, or begin anew with --out"
    )


def test_settings_of__another_version(run: Path) -> None:
    old = stored(run)
    old.pop("epochs")
    message = f"'{run}' was begun by another version of handshape; expected the settings backbone, "
    with pytest.raises(OutputError, match=re.escape(message)):
        settings_of(ChiralityConfig(resume=run), run, old)
