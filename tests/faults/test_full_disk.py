"""Disks that are full: one sentence says so, nothing half is left, and with room the figures are right."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.faults.conftest import Scene, Undisturbed
from tests.faults.looks import leftovers

pytestmark = pytest.mark.slow

Mount = Callable[..., Path]
Tell = Callable[[str], Undisturbed]


def fails_until_there_is_room(scene: Scene, expected: Undisturbed, mount: Mount, name: str) -> str:
    """Run a command on a disk that is too small, and again on one that is not; return what it said."""
    said = scene.begin().failed()
    scene.check_nothing_half(expected.outcome)
    assert leftovers(scene.cache, scene.out.parent) == []
    mount(name, "size=100m", again=True)
    assert scene.outcome(scene.begin()) == expected.outcome
    return said


@pytest.mark.parametrize(
    ("name", "kilobytes", "message"),
    [
        (
            "features",
            1000,
            "cannot write 3.6 MB of prepared images to '{cache}/images' (No space left on device)",
        ),
        ("features", 3584, "cannot write to the cache at '{cache}/"),
        ("features", 3840, "cannot write to the cache at '{cache}/features/handnet-"),
        ("train", 3640, "cannot write "),
    ],
)
def test_full_disk__of_the_cache(
    scene: Callable[..., Scene],
    undisturbed: Tell,
    small_disk: Mount,
    name: str,
    kilobytes: int,
    message: str,
) -> None:
    expected = undisturbed(name)
    cache_dir = small_disk("disk", f"size={kilobytes}k") / "cache"
    said = fails_until_there_is_room(scene(name, cache=cache_dir), expected, small_disk, "disk")
    assert said.startswith(f"handshape {name}: {message.format(cache=cache_dir)}")
    assert said.endswith("with --cache")


@pytest.mark.parametrize(
    ("name", "kilobytes"), [("train", 4), ("train", 100), ("compare", 400), ("study", 12)]
)
def test_full_disk__of_the_run(
    scene: Callable[..., Scene], undisturbed: Tell, small_disk: Mount, name: str, kilobytes: int
) -> None:
    expected = undisturbed(name)
    out = small_disk("disk", f"size={kilobytes}k") / "run"
    said = fails_until_there_is_room(scene(name, out=out), expected, small_disk, "disk")
    assert "(No space left on device); expected room on a disk; " in said
