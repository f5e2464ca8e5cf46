import re
from pathlib import Path

import pytest

from handshape.data.dataset import GroupKind, Sample
from handshape.data.io.path_patterns import find_in_paths
from handshape.errors import DataError

NAMES = ("A/room1_x.png", "A/room22_x.png", "A/other.png")
ROWS = [Sample(Path(name), name, "A") for name in NAMES]


@pytest.mark.parametrize("what", ["signer", "source"])
def test_find_in_paths__what_the_group_holds(what: GroupKind) -> None:
    assert find_in_paths(ROWS, what, r"room(\d+)_") == ["1", "22", None]


def test_find_in_paths__an_empty_group_is_no_name() -> None:
    assert find_in_paths(ROWS, "source", r"room1(\d*)_|other") == [None, None, None]


@pytest.mark.parametrize(
    ("what", "pattern", "message"),
    [
        (
            "source",
            "room(",
            "--source 'room(' is no regular expression (missing ), unterminated subpattern at position 4); "
            r"expected one with one group, such as 'room(\d+)_'; correct it",
        ),
        (
            "source",
            "folders",
            r"--source 'folders' has 0 groups; expected exactly one; write it like 'room(\d+)_', or take "
            "--source folder for root/<source>/<label>/*",
        ),
        ("signer", "hand", r"--signer 'hand' has 0 groups; expected exactly one; write it like 'hand(\d+)_'"),
        (
            "source",
            "camera(.)",
            "--source 'camera(.)' matches no path; expected a match in paths such as 'A/room1_x.png'; "
            "correct the expression",
        ),
    ],
)
def test_find_in_paths__is_refused(what: GroupKind, pattern: str, message: str) -> None:
    with pytest.raises(DataError, match="^" + re.escape(message) + "$"):
        find_in_paths(ROWS, what, pattern)
