from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image


@pytest.fixture
def photos(make_photos: Callable[..., Path]) -> Path:
    """Three labels and four signers, one photo larger than the others, and two files that are no photos."""
    root = make_photos("ABC", signers=4, images=2)
    Image.new("L", (90, 70), 40).save(root / "C" / "signer5_0.png")
    (root / "A" / "notes.txt").write_text("not a photo")
    (root / "B" / "signer1_9.jpg").write_bytes(b"")
    return root


@pytest.fixture
def found(cli: Any, photos: Path, tmp_path: Path) -> dict[str, Any]:
    words = ("--signer", r"signer(\d+)_", "--cache", tmp_path / "cache", "--out", tmp_path / "run", "--json")
    answer = cli("inspect", photos, *words)
    assert answer.code == 0, answer.err
    result: dict[str, Any] = answer.json
    return result


def test_inspect__counts_labels_signers_and_sizes(found: dict[str, Any]) -> None:
    assert found["images"] == 25
    assert found["labels"] == ["A", "B", "C"]
    assert found["counts"] == {"A": 8, "B": 8, "C": 9}
    assert found["signers"] == {"1": 6, "2": 6, "3": 6, "4": 6, "5": 1}
    assert found["sizes"] == [
        {"width": 64, "height": 64, "mode": "RGB", "images": 24},
        {"width": 90, "height": 70, "mode": "L", "images": 1},
    ]


def test_inspect__counts_per_split_and_label(found: dict[str, Any]) -> None:
    split = found["split"]
    assert split["kind"] == "signer"
    for label, count in found["counts"].items():
        assert sum(split["counts"][side][label] for side in ("train", "valid", "test")) == count
    for side, labels in split["missing"].items():
        assert labels == [label for label, n in split["counts"][side].items() if n == 0] != []


def test_inspect__shape_and_type_of_one_x_and_y_and_of_a_minibatch(found: dict[str, Any]) -> None:
    example, batch = found["example"], found["minibatch"]
    assert example["path"] == "A/signer1_0.png" and example["label"] == "A" and example["y"] == 0
    assert example["x"]["shape"] == [3, 224, 224] and example["x"]["type"] == "torch.float32"
    assert 0 <= example["x"]["smallest"] < example["x"]["largest"] <= 1
    assert batch["x"]["shape"] == [10, 3, 224, 224]
    assert batch["y"]["shape"] == [10] and batch["y"]["type"] == "torch.int64"
    assert len(batch["y"]["values"]) == 10 and set(batch["y"]["values"]) <= {0, 1, 2}


def test_inspect__lists_what_cannot_be_read_with_reasons(found: dict[str, Any]) -> None:
    reasons = {file["path"]: file["reason"] for file in found["unreadable"]}
    assert set(reasons) == {"A/notes.txt", "B/signer1_9.jpg"}
    assert reasons["A/notes.txt"] == "not an image file (.txt)"
    assert reasons["B/signer1_9.jpg"] == "the file is empty"


def test_inspect__draws_a_sample_sheet(found: dict[str, Any], tmp_path: Path) -> None:
    assert {path.name for path in (tmp_path / "run").iterdir()} >= {
        "config.json",
        "metrics.json",
        "samples.png",
    }
    with Image.open(tmp_path / "run" / "samples.png") as sheet:
        # A row a label, a column a signer.
        assert sheet.width > 5 * 96 and sheet.height > 3 * 96


def test_inspect__strict_stops_at_the_first_unreadable_file(cli: Any, photos: Path, tmp_path: Path) -> None:
    answer = cli("inspect", photos, "--strict", "--cache", tmp_path / "cache", "--out", tmp_path / "strict")
    assert answer.code == 1
    assert answer.err.splitlines()[-1].startswith(
        "handshape inspect: 'A/notes.txt': not an image file (.txt)"
    )
    assert not (tmp_path / "strict").exists()


def test_inspect__for_people(cli: Any, photos: Path, tmp_path: Path) -> None:
    answer = cli("inspect", photos, "--cache", tmp_path / "cache", "--out", tmp_path / "run")
    assert answer.code == 0
    for words in ("25 images, split: random", "3 x 224 x 224 float32", "10 int64", "64 x 64 RGB: 24 images"):
        assert words in answer.out
    assert "Signers       unknown; name people with --signer" in answer.out
    assert "Sources       unknown; name rooms, cameras or collections with --source" in answer.out
    assert "Not used      A/notes.txt: not an image file (.txt)" in answer.out
    assert f"Sample sheet  {tmp_path / 'run' / 'samples.png'}" in answer.out
    assert f"Next          handshape compare {photos} --cache {tmp_path / 'cache'}" in answer.out


def test_inspect__writes_nothing_unless_told(cli: Any, photos: Path, in_folder: Path) -> None:
    before = set(in_folder.rglob("*"))
    answer = cli("inspect", photos, "--signer", r"signer(\d+)_")
    assert answer.code == 0 and set(in_folder.rglob("*")) == before
    assert "Sample sheet" not in answer.out
    assert rf"Next          handshape compare {photos} --signer 'signer(\d+)_' --folds signers" in answer.out


def found_in(cli: Any, photos: Path, tmp_path: Path, *words: object) -> dict[str, Any]:
    answer = cli("inspect", photos, "--cache", tmp_path / "cache", "--out", tmp_path / "o", *words, "--json")
    assert answer.code == 0, answer.err
    result: dict[str, Any] = answer.json
    return result


def test_inspect__reports_a_single_label(cli: Any, make_photos: Callable[..., Path], tmp_path: Path) -> None:
    found = found_in(cli, make_photos("A", signers=4, images=2), tmp_path)
    assert found["labels"] == ["A"] and found["counts"] == {"A": 8}
    messages = [finding["message"] for finding in found["findings"] if finding["severity"] == "serious"]
    assert any(text.startswith("A is the only label") for text in messages)


def test_inspect__reports_an_empty_side(cli: Any, make_photos: Callable[..., Path], tmp_path: Path) -> None:
    root = tmp_path / "given"
    root.mkdir()
    for side in ("valid", "test"):
        make_photos("AB", signers=1, images=2, name=side).rename(root / side)
    found = found_in(cli, root, tmp_path)
    assert found["split"]["counts"]["test"] == {"A": 2, "B": 2}
    assert found["split"]["counts"]["train"] == {"A": 0, "B": 0}
    assert found["split"]["missing"] == {"train": ["A", "B"]}
    assert found["findings"][0]["kind"] == "no_split"
    assert "no image for train in a given split" in found["findings"][0]["message"]


def test_inspect__reports_a_split_that_cannot_be_made(
    cli: Any, make_photos: Callable[..., Path], tmp_path: Path
) -> None:
    photos = make_photos("AB", signers=2, images=2)
    found = found_in(cli, photos, tmp_path, "--split", "signer", "--signer", r"signer(\d)_")
    assert found["split"]["kind"] == "signer" and found["signers"] == {"1": 4, "2": 4}
    assert "2 known signers" in found["findings"][0]["message"]
    assert found["minibatch"]["y"]["shape"] == [8]


def test_inspect__for_people_without_a_split(
    cli: Any, make_photos: Callable[..., Path], tmp_path: Path
) -> None:
    photos = make_photos("A", signers=1, images=1)
    answer = cli("inspect", photos, "--cache", tmp_path / "cache", "--out", tmp_path / "run")
    assert answer.code == 0, answer.err
    assert "Serious       No split can be made" in answer.out


def test_inspect__counts_sources_and_warns_of_a_single_one(
    cli: Any, make_photos: Callable[..., Path], tmp_path: Path
) -> None:
    root = tmp_path / "rooms"
    for room in ("hall", "lab"):
        make_photos("AB", signers=2, images=2, name=f"rooms/{room}")
    found = found_in(cli, root, tmp_path, "--source", "folder")
    assert found["sources"] == {"hall": 8, "lab": 8} and found["labels"] == ["A", "B"]
    assert not {"one_source", "sources_unknown"} & {finding["kind"] for finding in found["findings"]}
    answer = cli(
        "inspect", root, "--source", "(hall)/", "--cache", tmp_path / "cache", "--out", tmp_path / "p"
    )
    assert "Sources       hall (8), lab (8)" in answer.out  # what it finds are the folders above the labels
    one = tmp_path / "one"
    one.mkdir()
    (one / "hall").symlink_to(root / "hall")
    answer = cli("inspect", one, "--source", "folder", "--cache", tmp_path / "cache", "--out", tmp_path / "q")
    assert "Warning       All 8 photos are from one source (hall)." in answer.out


def test_inspect__notes_that_rooms_are_not_known(found: dict[str, Any]) -> None:
    assert found["sources"] == {}
    (note,) = (finding for finding in found["findings"] if finding["kind"] == "sources_unknown")
    assert note["severity"] == "note" and "--source" in note["message"]
