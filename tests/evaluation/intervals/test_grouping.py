import numpy as np
import pytest

from handshape.data.splits.claim import NEW_SIGNERS
from handshape.errors import ShapeError
from handshape.evaluation.intervals.grouping import (
    NEW_SOURCES,
    ONE_SIGNER,
    SAME_SOURCE,
    TWO_SOURCES,
    group_by_source,
    group_photos,
)


def test_find_dependence__two_signers_outrank_bursts() -> None:
    known = group_photos(4, ["b", "a", "b", "b"], [1, 1, 2, 2])
    assert (known.unit, known.count, known.scope) == ("signer", 2, NEW_SIGNERS)
    assert known.groups.tolist() == [1, 0, 1, 1]
    assert known.sizes.tolist() == [1, 3]
    assert known.sums(np.array([True, False, True, False])).tolist() == [0, 2]


def test_find_dependence__one_signer_falls_back_on_bursts_and_says_so() -> None:
    known = group_photos(3, ["a", "a", "a"], [1, 1, 2])
    assert (known.unit, known.count, known.scope) == ("burst", 2, ONE_SIGNER)


def test_find_dependence__one_signer_without_bursts_counts_photos() -> None:
    known = group_photos(3, ["a", "a", "a"])
    assert (known.unit, known.count, known.scope) == (
        "photo",
        3,
        "more photos of this one person, not other people",
    )


def test_find_dependence__photos_without_burst_stand_alone() -> None:
    known = group_photos(4, None, [1, None, 1, None])
    assert (known.unit, known.count, known.scope) == ("burst", 3, SAME_SOURCE)


def test_find_dependence__groups_of_one_photo_are_photos() -> None:
    known = group_photos(2, ["a", "b"])
    assert (known.unit, known.count, known.scope) == ("photo", 2, NEW_SIGNERS)


def test_find_dependence__unknown_signers_count_as_one() -> None:
    assert group_photos(4, ["a", None, None, "b"]).count == 3


def test_find_dependence__no_signer_known_is_no_signer() -> None:
    known = group_photos(2, [None, None])
    assert (known.unit, known.scope) == ("photo", SAME_SOURCE)


@pytest.mark.parametrize("name", ["signers", "bursts"])
def test_find_dependence__wrong_length(name: str) -> None:
    with pytest.raises(ShapeError, match=f"1 {name} for 2 photos"):
        group_photos(2, **{name: ["a"]})


def test_find_source_dependence__three_sources_are_the_groups() -> None:
    known = group_by_source(4, ["b", "a", "c", "b"], [1, 1, 2, 2])
    assert (known.unit, known.count, known.scope) == ("source", 3, NEW_SOURCES)
    assert known.groups.tolist() == [1, 0, 2, 1]


def test_find_source_dependence__two_fall_back_on_bursts_within_each_and_say_so() -> None:
    known = group_by_source(5, ["a", "a", "b", "b", "b"], [1, 1, 1, 2, None])
    assert (known.unit, known.count, known.scope) == ("burst", 4, TWO_SOURCES)
    assert known.groups[0] == known.groups[1] != known.groups[2]
    assert "these two sources" in known.scope


def test_find_source_dependence__two_without_bursts_count_photos() -> None:
    known = group_by_source(3, ["a", "a", "b"])
    assert (known.unit, known.count, known.scope) == ("photo", 3, TWO_SOURCES)


def test_find_source_dependence__wrong_lengths() -> None:
    with pytest.raises(ShapeError, match="1 sources for 2 photos"):
        group_by_source(2, ["a"])
    with pytest.raises(ShapeError, match="1 bursts for 2 photos"):
        group_by_source(2, ["a", "b"], [1])
