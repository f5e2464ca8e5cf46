"""A clock that is wrong, or put back between runs, changes no figure."""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest
from tests.faults.conftest import Scene, Undisturbed
from tests.programs import need

_YEAR = 365 * 24 * 3600


@pytest.mark.parametrize("years", [-30, 30])
def test_clock__times_of_files_are_far_from_now(
    scene: Callable[..., Scene], undisturbed: Callable[[str], Undisturbed], years: int
) -> None:
    here, expected = scene("train"), undisturbed("train").outcome
    assert here.outcome(here.begin()) == expected
    for path in [*here.cache.rglob("*"), *here.out.rglob("*")]:
        then = path.stat().st_mtime + years * _YEAR
        os.utime(path, (then, then))
    assert here.outcome(here.begin()) == expected


@pytest.mark.slow
def test_clock__put_back_between_runs(
    scene: Callable[..., Scene], undisturbed: Callable[[str], Undisturbed]
) -> None:
    faketime = need("faketime")
    here, expected = scene("train"), undisturbed("train").outcome
    process = here.begin()
    assert here.outcome(process) == expected
    program = "import sys; sys.argv[0] = 'handshape'; from handshape.cli import main; main()"
    done = subprocess.run(
        [faketime, "-f", "-3d", sys.executable, "-c", program, *process.words],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and "UserWarning" not in done.stderr, done.stderr
    assert here.outcome(here.begin()) == expected
