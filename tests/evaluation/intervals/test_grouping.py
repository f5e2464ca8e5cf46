from typing import Any

import numpy as np
import pytest

from handshape.data.splits.claim import NEW_SIGNERS
from handshape.evaluation.intervals.grouping import (
    NEW_SOURCES,
    ONE_SIGNER,
    SAME_SOURCE,
    TWO_SOURCES,
    group_by_source,
    group_photos,
)


def test_group_photos__two_signers_outrank_bursts() -> None:
    known = group_photos(4, ["b", "a", "b", "b"], [1, 1, 2, 2])
    assert (known.unit, known.count, known.scope) == ("signer", 2, NEW_SIGNERS)
    assert known.groups.tolist() == [1, 0, 1, 1]
    assert known.sizes.tolist() == [1, 3]
    assert known.sums(np.array([True, False, True, False])).tolist() == [0, 2]


@pytest.mark.parametrize(
    ("signers", "bursts", "unit", "count", "scope"),
    [
        (["a", "a", "a"], [1, 1, 2], "burst", 2, ONE_SIGNER),
        (["a", "a", "a"], None, "photo", 3, ONE_SIGNER),
        (None, [1, None, 1, None], "burst", 3, SAME_SOURCE),
        (["a", "b"], None, "photo", 2, NEW_SIGNERS),  # groups of one photo are photos
        (["a", None, None, "b"], None, "signer", 3, NEW_SIGNERS),
        ([None, None], None, "photo", 2, SAME_SOURCE),
    ],
)
def test_group_photos__unit_and_scope(signers: Any, bursts: Any, unit: str, count: int, scope: str) -> None:
    known = group_photos(len(signers or bursts), signers, bursts)
    assert (known.unit, known.count, known.scope) == (unit, count, scope)


@pytest.mark.parametrize(
    ("sources", "bursts", "unit", "groups", "scope"),
    [
        (["b", "a", "c", "b"], [1, 1, 2, 2], "source", [1, 0, 2, 1], NEW_SOURCES),
        (["a", "a", "b", "b", "b"], [1, 1, 1, 2, None], "burst", [0, 0, 2, 3, 1], TWO_SOURCES),
        (["a", "a", "b"], None, "photo", [0, 1, 2], TWO_SOURCES),
    ],
)
def test_group_by_source__unit_and_scope(
    sources: Any, bursts: Any, unit: str, groups: list[int], scope: str
) -> None:
    known = group_by_source(len(sources), sources, bursts)
    assert (known.unit, known.groups.tolist(), known.scope) == (unit, groups, scope)
