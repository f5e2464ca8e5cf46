"""A clock that is wrong, or put back between runs, changes no figure."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.faults.conftest import Scene, Undisturbed

_YEAR = 365 * 24 * 3600


@pytest.mark.parametrize("years", [-30, 30])
def test_clock__times_of_files_are_far_from_now(
    scene: Callable[..., Scene], undisturbed: Callable[[str], Undisturbed], years: int
) -> None:
    here, expected = scene("train"), undisturbed("train").outcome
    assert here.outcome(here.begin()) == expected
    for path in [*here.store.rglob("*"), *here.out.rglob("*")]:
        then = path.stat().st_mtime + years * _YEAR
        os.utime(path, (then, then))
    assert here.outcome(here.begin()) == expected


@pytest.mark.slow
def test_clock__put_back_between_runs(
    scene: Callable[..., Scene], undisturbed: Callable[[str], Undisturbed], tmp_path: Path
) -> None:
    faketime = shutil.which("faketime")
    if faketime is None:
        pytest.skip("faketime is not installed")
    here, expected = scene("train"), undisturbed("train").outcome
    assert here.outcome(here.begin()) == expected
    program = "import sys; sys.argv[0] = 'handshape'; from handshape.cli import main; main()"
    words = [*here.begin().done().words]
    done = subprocess.run(
        [faketime, "-f", "-3d", sys.executable, "-c", program, *words],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert here.outcome(here.begin()) == expected
