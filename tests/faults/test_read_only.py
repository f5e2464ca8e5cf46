"""Places that can be read only: nothing is begun, and one sentence says where to write instead."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.faults.conftest import Scene, Undisturbed
from tests.faults.looks import contents

pytestmark = pytest.mark.slow

Mount = Callable[..., Path]


@pytest.mark.parametrize("name", ["features", "train", "study"])
def test_read_only__cache(scene: Callable[..., Scene], small_disk: Mount, name: str) -> None:
    cache_dir = small_disk("disk", "size=100m") / "cache"
    here = scene("features", cache=cache_dir)
    here.begin().done()
    before = contents(cache_dir)
    small_disk("disk", "ro", again=True)
    here = scene(name, cache=cache_dir)
    words = {"study": "study finetune"}.get(name, name)
    assert (
        here.begin()
        .failed()
        .startswith(
            f"handshape {words}: cannot write to the cache at '{cache_dir}' (Read-only file system); "
        )
    )
    assert contents(cache_dir) == before
    assert not here.out.exists()


def test_read_only__another_cache_is_chosen(
    scene: Callable[..., Scene], undisturbed: Callable[[str], Undisturbed], small_disk: Mount, tmp_path: Path
) -> None:
    small_disk("disk", "size=1m,ro")
    scene("features", cache=tmp_path / "disk" / "cache").begin().failed()
    here = scene("features", cache=tmp_path / "other")
    assert here.outcome(here.begin()) == undisturbed("features").outcome


@pytest.mark.parametrize("name", ["train", "study"])
def test_read_only__place_of_the_run(scene: Callable[..., Scene], small_disk: Mount, name: str) -> None:
    disk = small_disk("disk", "size=1m,ro")
    words = {"study": "study finetune"}.get(name, name)
    here = scene(name, out=disk / "run")
    assert here.begin().failed().startswith(f"handshape {words}: cannot write to '{disk}'; ")
    assert not here.cache.exists()
