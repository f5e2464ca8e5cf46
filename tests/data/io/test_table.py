import re
from pathlib import Path

import pytest

from handshape.data.io.table import read_table
from handshape.errors import DataError

# The rest of what a table may hold is read through read_folder, in test_folder.py.
TEXT = "path,label,source,room,signer\nA/1.png,A,phone, kitchen ,Ann\nA/2.png,A,webcam,,Bo\nA/3.png,A\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "photos.csv"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_read_table__the_column_source_is_taken_by_itself(table: Path) -> None:
    assert [row.source for row in read_table(table)] == ["phone", "webcam", None]
    assert [row.signer for row in read_table(table)] == ["Ann", "Bo", None]


def test_read_table__another_column_that_is_named(table: Path) -> None:
    assert [row.source for row in read_table(table, "room")] == ["kitchen", None, None]


def test_read_table__no_such_column(table: Path) -> None:
    message = f"'{table}' has no column 'camera' for --source"
    with pytest.raises(DataError, match="^" + re.escape(message)):
        list(read_table(table, "camera"))


def test_read_table__without_a_source_column_none_is_known(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("path,label\nA/1.png,A\n")
    (row,) = read_table(tmp_path / "t.csv")
    assert row.source is None and row.path == tmp_path / "A" / "1.png"
    with pytest.raises(DataError, match="has no column 'source' for --source"):
        list(read_table(tmp_path / "t.csv", "source"))
