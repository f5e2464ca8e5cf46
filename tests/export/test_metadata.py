from pathlib import Path

import pytest

from handshape.errors import BundleError, ExportError
from handshape.export.metadata import Metadata, bundle_digest, read_properties

KNOWN = Metadata(
    ("A", "änn"), 0.4, 224, "fp32", 18, "ab", "0.1.0", {"train": 3}, {"test_accuracy": 0.5}, {"largest": 1e-6}
)


def test_read_properties__gives_back_what_was_written() -> None:
    properties = KNOWN.to_properties()
    assert properties["handshape.labels"] == '["A", "änn"]'
    assert read_properties({**properties, "other": "not JSON"}, Path("m.onnx")) == KNOWN


@pytest.mark.parametrize(
    "change",
    [{"handshape.labels": "["}, {"handshape.labels": "3"}, {"handshape.threshold": '"high"'}],
)
def test_read_properties__a_damaged_field(change: dict[str, str]) -> None:
    with pytest.raises(
        ExportError,
        match=r"'m.onnx' was not exported by handshape, or is damaged",
    ):
        read_properties(KNOWN.to_properties() | change, Path("m.onnx"))


def test_read_properties__another_program_s_model() -> None:
    with pytest.raises(ExportError, match="was not exported by handshape"):
        read_properties({}, Path("m.onnx"))


def test_bundle_digest__stands_for_settings_and_numbers(tmp_path: Path) -> None:
    for name in ("config.json", "README.md"):
        (tmp_path / name).write_text(name)
    before = bundle_digest(tmp_path)
    (tmp_path / "README.md").write_text("another card")
    assert bundle_digest(tmp_path) == before and len(before) == 32
    (tmp_path / "config.json").write_text("changed")
    assert bundle_digest(tmp_path) != before


def test_bundle_digest__no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"cannot read '.*config.json' \(No such file.*"):
        bundle_digest(tmp_path)
