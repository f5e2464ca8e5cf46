import signal
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import Timeout

from handshape.cache.atomic import (
    lock_folder,
    partial_folder,
    reserve,
    restore_interrupted,
)
from handshape.errors import OutputError

LOCK = (
    "import sys, time, pathlib; from handshape.cache.atomic import *\n"
    "with lock_folder(pathlib.Path(sys.argv[1])):\n"
    "    (pathlib.Path(sys.argv[1]) / 'half').touch(); print('locked', flush=True); time.sleep(60)"
)


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def write(path: Path, text: str, *, folder: bool) -> None:
    if folder:
        path.mkdir(parents=True)
        path /= "a.txt"
    path.write_text(text)


def read(path: Path) -> str:
    return (path / "a.txt" if path.is_dir() else path).read_text()


def start_locking(folder: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen([sys.executable, "-c", LOCK, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "locked\n"
    return process


def kill(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


@pytest.mark.parametrize("folder", [False, True])
def test_reserve__new_content_appears_when_it_is_complete(tmp_path: Path, folder: bool) -> None:
    path = tmp_path / "new" / "model.onnx"
    for text, before in (("first", None), ("second", "first")):
        with reserve(path, "it") as reserved, reserved.new() as partial:
            write(partial, text, folder=folder)
            assert (read(path) if path.exists() else None) == before
            assert partial.suffix == ".onnx" and partial.parent.name.startswith(".")
        assert read(path) == text and names(path.parent) == ["model.onnx"]


@pytest.mark.parametrize("folder", [False, True])
def test_reserve__an_error_changes_nothing(tmp_path: Path, folder: bool) -> None:
    write(tmp_path / "path", "old", folder=folder)
    for path in ("path", "deep/down"):
        with (
            pytest.raises(KeyboardInterrupt),
            reserve(tmp_path / path, "it") as reserved,
            reserved.new() as partial,
        ):
            write(partial, "half", folder=folder)
            raise KeyboardInterrupt
    assert names(tmp_path) == ["path"] and read(tmp_path / "path") == "old"


def test_reserve__one_process_at_a_time(tmp_path: Path) -> None:
    with reserve(tmp_path / "path", "'it'"):
        with pytest.raises(OutputError, match=r"'it'.*--out"), reserve(tmp_path / "path", "'it'"):
            pytest.fail("the path is reserved")
        with reserve(tmp_path / "other", "'it'"):
            pass
    assert names(tmp_path) == []


def test_restore_interrupted__keeps_other_files(tmp_path: Path) -> None:
    (tmp_path / ".mine.partial").mkdir()
    with reserve(tmp_path / "path", "it") as reserved, reserved.new() as partial:
        partial.write_text("complete")
        restore_interrupted(tmp_path)
        restore_interrupted(tmp_path / "nowhere")
    assert names(tmp_path) == [".mine.partial", "path"] and read(tmp_path / "path") == "complete"


def test_restore_interrupted__after_a_killed_process(tmp_path: Path) -> None:
    # Killed while it wrote, or between the two renames.
    for name in ("written", "replaced"):
        write(tmp_path / f".{name}.handshape.partial" / "new", "half", folder=True)
    write(tmp_path / ".replaced.handshape.partial" / "old", "old", folder=True)
    restore_interrupted(tmp_path)
    assert names(tmp_path) == ["replaced"] and read(tmp_path / "replaced") == "old"


def test_lock_folder__is_deleted_at_the_end(tmp_path: Path) -> None:
    folder = partial_folder(tmp_path / "deep" / "my run.é")
    assert folder == tmp_path / "deep" / ".my run.é.handshape.partial"
    with pytest.raises(RuntimeError), lock_folder(folder):
        (folder / "folder").mkdir()
        with pytest.raises(Timeout), lock_folder(folder):
            pytest.fail("it is locked")
        raise RuntimeError
    assert names(folder.parent) == []


def test_restore_interrupted__only_what_no_process_has_locked(tmp_path: Path) -> None:
    folder = partial_folder(tmp_path / "run")
    (tmp_path / ".photos.partial").mkdir()  # another program's
    process = start_locking(folder)
    restore_interrupted(tmp_path)
    with pytest.raises(Timeout), lock_folder(folder):
        pytest.fail("it is locked")
    assert (folder / "half").exists()
    kill(process)
    with lock_folder(folder):
        assert (folder / "half").exists()
    kill(start_locking(folder))
    restore_interrupted(tmp_path)
    restore_interrupted(tmp_path / "nowhere")
    assert names(tmp_path) == [".photos.partial"]
