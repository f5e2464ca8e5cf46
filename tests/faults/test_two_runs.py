"""Two runs into one directory at the same time: one writes it, and the other is refused."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.faults.conftest import Scene, Undisturbed
from tests.processes import Process

pytestmark = pytest.mark.slow

Tell = Callable[[str], Undisturbed]


def in_the_middle(scene: Scene) -> Process:
    """Start a command and stop it while it reads photos."""
    process = scene.begin()
    assert process.wait(lambda: (scene.cache / "images").exists()) is None, process.err
    process.send(signal.SIGSTOP)
    return process


@pytest.mark.parametrize("name", ["train", "study"])
def test_two_runs__the_second_is_refused_at_once(
    scene: Callable[..., Scene], undisturbed: Tell, tmp_path: Path, name: str
) -> None:
    here, expected = scene(name), undisturbed(name).outcome
    process = in_the_middle(here)
    second = scene(name, cache=tmp_path / "other")
    words = {"study": "study finetune"}.get(name, name)
    assert (
        second.begin()
        .failed()
        .startswith(f"handshape {words}: another process writes a run to '{here.out}'; ")
    )
    assert not second.cache.exists()
    process.send(signal.SIGCONT)
    assert here.outcome(process) == expected


@pytest.mark.parametrize("force", [True, False])
def test_two_runs__of_different_settings_are_never_mixed(
    scene: Callable[..., Scene], tmp_path: Path, force: bool
) -> None:
    here = scene("train")
    first = here.begin()
    words = [word for word in first.words if force or word != "--force"]
    second = here.starter.run(*words, "--seed", 1)
    ended = {first: first.wait(), second: second.wait()}
    winner, loser = sorted(ended, key=lambda process: ended[process] or 0)
    assert list(ended.values()).count(0) == 1, first.err + second.err
    assert "another process writes a run to" in loser.failed()
    assert here.outcome(winner)["figures"] == here.outcome(winner)["said"]


def test_two_runs__with_one_cache_and_runs_of_their_own(
    scene: Callable[..., Scene], undisturbed: Tell, tmp_path: Path
) -> None:
    scenes = [scene("train", out=tmp_path / name) for name in ("first", "second")]
    for here, process in [(one, one.begin()) for one in scenes]:
        assert here.outcome(process) == undisturbed("train").outcome
