import re
from pathlib import Path

import pytest

from handshape.cache.atomic import reserve, restore_interrupted
from handshape.errors import OutputError


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def write(path: Path, text: str, *, folder: bool) -> None:
    if folder:
        path.mkdir(parents=True)
        path /= "a.txt"
    path.write_text(text)


def read(path: Path) -> str:
    return (path / "a.txt" if path.is_dir() else path).read_text()


@pytest.mark.parametrize("folder", [False, True])
def test_new__takes_the_place_when_it_is_whole(tmp_path: Path, folder: bool) -> None:
    place = tmp_path / "new" / "model.onnx"
    for text, before in (("first", None), ("second", "first")):
        with reserve(place, "it") as held, held.new() as partial:
            write(partial, text, folder=folder)
            assert (read(place) if place.exists() else None) == before
            assert partial.suffix == ".onnx" and partial.parent.name.startswith(".")
        assert read(place) == text and names(place.parent) == ["model.onnx"]


@pytest.mark.parametrize("folder", [False, True])
def test_new__an_error_leaves_what_was_there(tmp_path: Path, folder: bool) -> None:
    write(tmp_path / "place", "dear", folder=folder)
    for place in ("place", "deep/down"):
        with (
            pytest.raises(KeyboardInterrupt),
            reserve(tmp_path / place, "it") as held,
            held.new() as partial,
        ):
            write(partial, "half", folder=folder)
            raise KeyboardInterrupt
    assert names(tmp_path) == ["place"] and read(tmp_path / "place") == "dear"


def test_hold_place__one_process_at_a_time(tmp_path: Path) -> None:
    message = re.escape(
        "another process writes 'it'; expected a place of its own for each; wait until it is done, or choose "
        "another --out"
    )
    with reserve(tmp_path / "place", "'it'"):
        with pytest.raises(OutputError, match=message), reserve(tmp_path / "place", "'it'"):
            pytest.fail("the place is taken")
        with reserve(tmp_path / "other", "'it'"):
            pass
    assert names(tmp_path) == []


def test_put_back__leaves_what_others_write_or_own(tmp_path: Path) -> None:
    (tmp_path / ".mine.partial").mkdir()
    with reserve(tmp_path / "place", "it") as held, held.new() as partial:
        partial.write_text("whole")
        restore_interrupted(tmp_path)
        restore_interrupted(tmp_path / "nowhere")
    assert names(tmp_path) == [".mine.partial", "place"] and read(tmp_path / "place") == "whole"


def test_put_back__what_a_killed_process_left(tmp_path: Path) -> None:
    # Killed while it wrote, or between taking the earlier one away and giving its own the name.
    for name in ("written", "replaced"):
        write(tmp_path / f".{name}.handshape.partial" / "new", "half", folder=True)
    write(tmp_path / ".replaced.handshape.partial" / "old", "dear", folder=True)
    restore_interrupted(tmp_path)
    assert names(tmp_path) == ["replaced"] and read(tmp_path / "replaced") == "dear"
