from pathlib import Path

import pytest

from handshape.errors import ExportError, OutputError
from handshape.export.file import new_file


def test_new_file__appears_whole(tmp_path: Path) -> None:
    out = tmp_path / "new" / "model.onnx"
    with new_file(out) as partial:
        partial.write_text("whole")
        assert not out.exists() and partial.suffix == ".onnx"
    assert out.read_text() == "whole" and [path.name for path in out.parent.iterdir()] == ["model.onnx"]


def test_new_file__leaves_the_earlier_one_after_an_error(tmp_path: Path) -> None:
    out = tmp_path / "model.onnx"
    out.write_text("earlier")
    with pytest.raises(ExportError), new_file(out) as partial:
        partial.write_text("half")
        raise ExportError("wrong", "right", "mend it")
    assert out.read_text() == "earlier" and len(list(tmp_path.iterdir())) == 1


def test_new_file__a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(OutputError, match=r"a folder"),
        new_file(tmp_path),
    ):
        pass
    with (
        pytest.raises(OutputError, match=r"cannot write '.*model.onnx' \(.*\)"),
        new_file(tmp_path / "file" / "model.onnx"),
    ):
        pass
