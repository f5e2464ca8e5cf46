"""A clock that is wrong, or put back between runs, changes no figure."""

import os
from collections.abc import Callable

import pytest
from tests.faults.conftest import Scene, Undisturbed

pytestmark = pytest.mark.slow

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
