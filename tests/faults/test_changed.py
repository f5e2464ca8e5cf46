"""Photos that are replaced while a command runs."""

import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest
from tests.conftest import draw_photos, draw_shape
from tests.faults.conftest import Scene, Undisturbed
from tests.processes import Process

pytestmark = pytest.mark.slow


def stop_when(process: Process, happened: Callable[[], bool]) -> None:
    """Stop a process where it is, once something has happened."""
    assert process.wait(happened) is None, process.err
    process.send(signal.SIGSTOP)


@pytest.fixture
def many(scene: Callable[..., Scene], tmp_path: Path) -> Scene:
    """Photos that take a second to read."""
    photos = draw_photos(tmp_path / "photos", "ABC", signers=4, images=8)
    return replace(scene("features"), photos=photos)


def test_changed__while_it_is_being_read(many: Scene, tmp_path: Path) -> None:
    process = many.begin()
    stop_when(process, lambda: any((many.cache / "images").glob(".*.partial")))
    last = max(many.photos.rglob("*.png"))
    draw_shape(1, 3, 99).save(last)
    process.send(signal.SIGCONT)
    assert process.done().json["images"] == 95
    name = last.relative_to(many.photos).as_posix()
    assert (
        f"Not used (unreadable): 1 file, starting with {name}: changed while it was being read" in process.err
    )
    # Its name would say that it holds all of them.
    assert not list((many.cache / "images").iterdir())
    elsewhere = replace(many, cache=tmp_path / "elsewhere")
    assert many.outcome(many.begin()) == elsewhere.outcome(elsewhere.begin())


def test_changed__after_it_was_read(
    scene: Callable[..., Scene], undisturbed: Callable[[str], Undisturbed], photos: Path, tmp_path: Path
) -> None:
    here = replace(scene("train"), photos=Path(copytree(photos, tmp_path / "photos")))
    expected = undisturbed("train")
    process = here.begin()
    stop_when(process, lambda: (here.cache / "features").exists())
    last = max(here.photos.rglob("*.jpg"))
    before = last.read_bytes()
    draw_shape(1, 3, 99).save(last)
    process.send(signal.SIGCONT)
    # The run is one of the photos as they were; it names their content.
    found = here.outcome(process)
    assert {**found, "rows": None} == {**expected.outcome, "rows": None}
    assert here.begin().done().json != process.json
    last.write_bytes(before)
    assert {**here.outcome(here.begin()), "rows": None, "images": None} == {
        **expected.outcome,
        "rows": None,
        "images": None,
    }
