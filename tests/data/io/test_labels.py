import re

import pytest

from handshape.data.io.labels import check_told_apart, select_labels
from handshape.errors import DataError

FOUND = ["nothing", "B", "A", "thumbs-up", "J", "É t é", "a"]


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        (None, ("A", "B", "J", "a", "nothing", "thumbs-up", "É t é")),
        ("A", ("A",)),
        ("J,A", ("A", "J")),
        (" B , A,,B,", ("A", "B")),
        ("A-I", ("A", "B")),
        ("A-J,nothing", ("A", "B", "J", "nothing")),
        ("B-B", ("B",)),
        ("A-z", ("A", "B", "J", "a")),
        ("thumbs-up", ("thumbs-up",)),
        ("É t é", ("É t é",)),
    ],
)
def test_select_labels__chooses(wanted: str | None, chosen: tuple[str, ...]) -> None:
    assert select_labels(FOUND, wanted) == chosen


def test_select_labels__a_label_that_looks_like_a_range() -> None:
    assert select_labels(["A", "A-C", "B"], "A-C") == ("A-C",)


@pytest.mark.parametrize("wanted", ["Z", "A,Z", "C-I", "J-A", "thumbs-down", "A-", "-", "AB-CD"])
def test_select_labels__no_such_label(wanted: str) -> None:
    part = wanted.split(",")[-1]
    message = f"no label {part!r} in the data"
    with pytest.raises(DataError, match=re.escape(message)):
        select_labels(FOUND, wanted)


@pytest.mark.parametrize("wanted", ["", " ", ",,"])
def test_select_labels__names_none(wanted: str) -> None:
    message = f"--labels {wanted!r} names no label"
    with pytest.raises(DataError, match=re.escape(message)):
        select_labels(FOUND, wanted)


@pytest.mark.parametrize("labels", [["A", "a"], ["B", "\u00e9", "e\u0301"], ["STRASSE", "straße"]])
def test_check_told_apart__labels_that_are_one(labels: list[str]) -> None:
    with pytest.raises(DataError, match="differ only in case or Unicode form"):
        check_told_apart(labels)
    check_told_apart(["A", "B", "Ä"])
