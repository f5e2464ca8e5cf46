import csv
from pathlib import Path

import pytest
from PIL import Image

from handshape.errors import OutputError, UsageError
from handshape.synthetic import dataset
from handshape.synthetic.dataset import COLUMNS, draw_dataset


def _bytes(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def test_draw_dataset__writes_folders_and_truth(tmp_path: Path) -> None:
    done: list[int] = []
    out = tmp_path / "hands"
    rows = draw_dataset(out, "AB", signers=2, images=2, size=48, progress=done.append)
    assert sum(done) == len(rows) == 8
    with (out / "truth.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert tuple(table[0]) == COLUMNS
    assert [row["path"] for row in table] == [str(row[0]) for row in rows]
    assert table[-1]["path"] == "B/signer2_B_0001.jpg"
    for row in table:
        with Image.open(out / row["path"]) as photo:
            assert photo.size == (48, 48)
        assert row["label"] == row["path"][0] and row["style"] == "studio"
        assert 0 < int(row["x0"]) < int(row["x1"]) < 48 and 0 < int(row["y0"]) < int(row["y1"]) < 48
    assert [p.name for p in tmp_path.iterdir()] == ["hands"]


def test_draw_dataset__same_bytes_with_any_number_of_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset, "_WORTH_A_PROCESS", 0)
    for name, workers in (("one", 1), ("two", 2)):
        draw_dataset(tmp_path / name, "CY", signers=2, images=2, size=48, style="room", workers=workers)
    assert _bytes(tmp_path / "one") == _bytes(tmp_path / "two")


def test_draw_dataset__a_picture_does_not_depend_on_the_others(tmp_path: Path) -> None:
    draw_dataset(tmp_path / "few", "K", signers=1, images=1, size=48)
    draw_dataset(tmp_path / "many", "JK", signers=2, images=2, size=48)
    few, many = _bytes(tmp_path / "few"), _bytes(tmp_path / "many")
    assert few["K/signer1_K_0000.jpg"] == many["K/signer1_K_0000.jpg"]


def test_draw_dataset__refuses_a_folder_in_use(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(OutputError, match="is not empty"):
        draw_dataset(tmp_path, "A", signers=1, images=1, size=48)


def test_draw_dataset__force_never_deletes_other_things(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    expected = "contains something other than drawn hands"
    with pytest.raises(OutputError, match=expected):
        draw_dataset(tmp_path, "A", signers=1, images=1, size=48, force=True)
    assert (tmp_path / "note.txt").read_text() == "mine"


def test_draw_dataset__force_replaces_drawn_hands(tmp_path: Path) -> None:
    out = tmp_path / "hands"
    draw_dataset(out, "A", signers=1, images=2, size=48)
    draw_dataset(out, "B", signers=1, images=1, size=48, force=True)
    assert set(_bytes(out)) == {"B/signer1_B_0000.jpg", "truth.csv"}


def test_draw_dataset__leaves_nothing_behind_when_it_fails(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no drawn hand for label 'hello'"):
        draw_dataset(tmp_path / "hands", ["A", "hello"], signers=1, images=1, size=48)
    assert list(tmp_path.iterdir()) == []
