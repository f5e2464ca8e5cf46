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
            "--source 'room(' is not a regular expression (missing ), unterminated subpattern at position 4)",
        ),
        (
            "source",
            "folders",
            r"--source 'folders' has 0 groups",
        ),
        ("signer", "hand", r"--signer 'hand' has 0 groups"),
        (
            "source",
            "camera(.)",
            "--source 'camera(.)' matches no path",
        ),
    ],
)
def test_find_in_paths__is_refused(what: GroupKind, pattern: str, message: str) -> None:
    with pytest.raises(DataError, match="^" + re.escape(message)):
        find_in_paths(ROWS, what, pattern)
