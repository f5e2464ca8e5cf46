"""Killed at any moment: what was finished stays, nothing half is to be found, and the next run is right."""

import random
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import monotonic

import pytest
from tests.faults.conftest import Scene, Undisturbed
from tests.faults.looks import leftovers, rows

pytestmark = pytest.mark.slow

Tell = Callable[[str], Undisturbed]


def has_come(moment: float) -> bool:
    return monotonic() >= moment


def kill_at(scene: Scene, seconds: float) -> float:
    """Kill a command when it has run for so long; earlier, if it was done by then; return when."""
    while True:
        end = partial(has_come, monotonic() + seconds)
        process = scene.begin()
        process.wait(end)
        process.send(signal.SIGKILL)
        if process.wait() == -signal.SIGKILL:
            return seconds
        process.done()
        seconds *= 0.7


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("name", ["features", "train", "compare", "study"])
def test_killed__the_next_run_is_as_if_nothing_had_happened(
    scene: Callable[..., Scene], undisturbed: Tell, name: str, number: int
) -> None:
    expected, share = undisturbed(name), random.Random(f"{name} {number}").random()
    here = scene(name)
    moment = kill_at(here, share * expected.seconds)
    print(f"{name} number {number}: killed after {moment:.3f} of {expected.seconds:.3f} s")
    here.check_nothing_half(expected.outcome)
    assert here.outcome(here.begin()) == expected.outcome
    assert leftovers(here.cache, here.out.parent) == []


def has_any(folder: Path, pattern: str) -> bool:
    return any(folder.glob(pattern))


def test_killed__what_was_committed_stays(scene: Callable[..., Scene], undisturbed: Tell) -> None:
    here, expected = scene("features"), undisturbed("features").outcome
    for moment in ("images/.*.partial", "features/*.lance/_versions/*.manifest"):
        process = here.begin()
        assert process.wait(partial(has_any, here.cache, moment)) is None, process.err
        process.send(signal.SIGKILL)
        process.wait()
        here.check_nothing_half(expected)
    assert rows(here.cache)
    assert here.outcome(here.begin()) == expected
