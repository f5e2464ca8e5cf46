import json
import os
import re
import sys
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path

import numpy as np
import pytest

from handshape.errors import OutputError
from handshape.run import check_out, claim, default_out, describe, new_run, write_json


def write_run(out: Path, text: str = "old") -> None:
    out.mkdir(parents=True)
    write_json(out / "config.json", {"command": "train", "settings": {}})
    (out / "note.txt").write_text(text)


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def refused(out: Path, message: str, *, force: bool = False) -> None:
    with pytest.raises(OutputError, match=re.escape(message)):
        check_out(out, force=force)
    with pytest.raises(OutputError, match=re.escape(message)), new_run(out, force=force):
        pytest.fail("the work must not begin")


def test_default_out__is_new(in_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stopped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Stopped":
            return cls(2026, 11, 24, 12, 0, 0)

    monkeypatch.setattr("handshape.run.datetime", Stopped)
    found = []
    for _ in range(3):
        found.append(default_out("train"))
        found[-1].mkdir(parents=True)
    assert [place.name for place in found] == [f"train-20261124-120000{more}" for more in ("", "-2", "-3")]


def test_check_out__new_or_empty(tmp_path: Path) -> None:
    check_out(tmp_path, force=False)
    check_out(tmp_path / "deep" / "down", force=False)
    assert names(tmp_path) == []


def test_check_out__not_empty(tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    refused(
        tmp_path / "run",
        f"'{tmp_path / 'run'}' is not empty",
    )
    assert (tmp_path / "run" / "note.txt").read_text() == "old"


@pytest.mark.parametrize(
    "config",
    [None, "{}", "[]", "{", '{"format_version": 1, "labels": []}', '{"settings": {}}'],
    ids=["none", "empty", "list", "damaged", "bundle", "half"],
)
def test_check_out__force_replaces_only_runs(tmp_path: Path, config: str | None) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"dear")
    if config is not None:
        (tmp_path / "config.json").write_text(config)
    refused(
        tmp_path,
        f"'{tmp_path}' contains something other than a run",
        force=True,
    )
    assert (tmp_path / "photo.jpg").read_bytes() == b"dear"


@pytest.mark.parametrize("force", [False, True])
def test_check_out__a_file(tmp_path: Path, force: bool) -> None:
    file = tmp_path / "file"
    file.write_text("dear")
    refused(file, f"'{file}' is a file", force=force)
    assert file.read_text() == "dear"


def test_check_out__no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    refused(
        tmp_path / "a" / "b",
        f"cannot write to '{tmp_path}'",
    )
    assert names(tmp_path) == []


@pytest.mark.parametrize("empty", [False, True])
def test_new_run__appears_whole(tmp_path: Path, empty: bool) -> None:
    out = tmp_path / "runs" / "my run é"
    if empty:
        out.mkdir(parents=True)
    with new_run(out, force=False) as folder:
        (folder / "a.txt").write_text("a")
        assert not (out / "a.txt").exists()
    assert names(out) == ["a.txt"]
    assert names(out.parent) == ["my run é"]


def test_new_run__force_replaces_a_run(tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    with new_run(tmp_path / "run", force=True) as folder:
        (folder / "new.txt").write_text("new")
        assert (tmp_path / "run" / "note.txt").is_file()
    assert names(tmp_path / "run") == ["new.txt"]
    assert names(tmp_path) == ["run"]


def test_new_run__filled_by_another_meanwhile(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(OutputError, match="is not empty"), new_run(out, force=False) as folder:
        (folder / "new.txt").write_text("new")
        write_run(out, "theirs")
    assert names(tmp_path) == ["run"]
    assert (out / "note.txt").read_text() == "theirs"


def test_new_run__a_full_disk(tmp_path: Path) -> None:
    out = tmp_path / "run"
    message = f"cannot write the run to '{out}' (No space left on device)"
    with pytest.raises(OutputError, match=re.escape(message)), new_run(out, force=False):
        raise OSError(28, "No space left on device")
    assert names(tmp_path) == []


def test_new_run__cannot_be_given_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_run(tmp_path / "run")
    rename = Path.rename

    def fail(self: Path, target: Path) -> Path:
        if self.name == "new":
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OutputError, match="Input/output error"), new_run(tmp_path / "run", force=True):
        pass
    assert names(tmp_path) == ["run"]
    assert (tmp_path / "run" / "note.txt").read_text() == "old"


def test_new_run__through_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    with new_run(tmp_path / "link", force=False) as folder:
        (folder / "a.txt").write_text("a")
    assert names(tmp_path) == ["disk", "link"]
    assert (tmp_path / "link").is_symlink()
    assert names(tmp_path / "disk") == ["a.txt"]


def test_claim__one_process_at_a_time(tmp_path: Path) -> None:
    out = tmp_path / "run"
    message = f"another process writes a run to '{out}'"
    with claim(out, force=False) as claimed:
        with pytest.raises(OutputError, match=re.escape(message)), claim(out, force=True):
            pytest.fail("the directory is taken")
        with new_run(tmp_path / "other", force=False):
            pass
        with claimed.new_run(force=False) as folder:
            (folder / "a.txt").write_text("a")
    assert names(tmp_path) == ["other", "run"]
    assert names(out) == ["a.txt"]


def test_write_json__numbers_stay_numbers(tmp_path: Path) -> None:
    value = {"n": np.int64(3), "x": np.float32(0.5), "yes": np.bool_(True), "path": Path("a/é")}
    write_json(tmp_path / "a.json", value)
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"n": 3, "x": 0.5, "yes": True, "path": "a/é"}
    assert "é" in text
    assert text.endswith("}\n")


@dataclass(frozen=True)
class Settings:
    data: Path = Path("photos")
    seed: int = 7


@pytest.mark.parametrize(
    ("argv", "told"),
    [(["/usr/bin/handshape", "train", "photos"], ["train", "photos"]), (["pytest", "--secret"], [])],
)
def test_describe__settings_and_versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argv: list[str], told: list[str]
) -> None:
    monkeypatch.setattr(sys, "argv", argv)
    write_json(tmp_path / "config.json", describe("train", Settings(), "abc"))
    found = json.loads((tmp_path / "config.json").read_text())
    assert found["command"] == "train"
    assert found["settings"] == {"data": "photos", "seed": 7}
    assert found["data_digest"] == "abc"
    assert found["argv"] == told
    assert found["versions"]["numpy"] == np.__version__
    assert {"python", "handshape", "torch", "torchvision", "pillow"} <= found["versions"].keys()
    assert found["machine"]["cores"] == os.cpu_count()


def test_describe__is_what_force_knows_a_run_by(tmp_path: Path) -> None:
    write_json(tmp_path / "config.json", describe("train", Settings(), "abc"))
    check_out(tmp_path, force=True)


def test_claim__folders_made_for_a_run_that_failed_are_gone_again(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for out in (tmp_path / "a" / "b" / "run", tmp_path / "there" / "c" / "run"):
        with pytest.raises(ZeroDivisionError), claim(out, force=False):
            raise ZeroDivisionError
    assert [folder.name for folder in tmp_path.iterdir()] == ["there"]
    assert list((tmp_path / "there").iterdir()) == []
    with claim(tmp_path / "a" / "run", force=False) as claimed, claimed.new_run(force=False) as folder:
        (folder / "config.json").write_text("{}")
    assert (tmp_path / "a" / "run" / "config.json").is_file()
