import re
from collections.abc import Callable
from pathlib import Path

import pytest

from handshape.data.address import read_address
from handshape.data.folder import read_folder
from handshape.errors import DataError, DataNotFoundError

MakePhotos = Callable[..., Path]


def put(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"any bytes: nothing is decoded here")


def alike(root: Path, **options: str) -> None:
    """An address lists what the folder itself does, in whatever order."""
    system, there = read_address(root.as_uri(), **options)
    here = read_folder(root, **options)
    assert there.labels == here.labels
    rows = [{(s.name, s.label, s.signer, s.split) for s in one.samples} for one in (there, here)]
    assert rows[0] == rows[1]
    assert set(there.unreadable) == set(here.unreadable)
    for sample in there.samples:
        with system.open_input_stream(sample.path.as_posix()) as file:
            assert file.readall() == (root / sample.name).read_bytes()


def test_read_address__as_the_folder_is_read(make_photos: MakePhotos) -> None:
    root = make_photos("BAC", signers=2, images=1)
    put(root / "A" / "deeper" / "still" / "signer1_9.jpg", root / "A" / "notes.txt", root / "loose.png")
    put(
        root / "A" / ".hidden.png",
        root / ".trash" / "x.png",
        root / "B" / "Thumbs.db",
        root / "C" / "é 1.png",
    )
    alike(root)
    alike(root, labels="A,C", signer=r"signer(\d+)_")


def test_read_address__given_splits(tmp_path: Path) -> None:
    for split in ("train", "val", "test", "extra"):
        put(tmp_path / "photos" / split / "A" / "1.png", tmp_path / "photos" / split / "B" / "2.png")
    alike(tmp_path / "photos")


def test_read_address__train_alone_is_a_label(tmp_path: Path) -> None:
    put(tmp_path / "photos" / "train" / "1.png", tmp_path / "photos" / "bus" / "deep" / "2.png")
    alike(tmp_path / "photos")


def refused(address: str, message: str, kind: type[DataError] = DataError) -> None:
    with pytest.raises(kind, match=message) as caught:
        read_address(address)
    assert type(caught.value) is kind


def test_read_address__errors(tmp_path: Path) -> None:
    gone = (tmp_path / "gone").as_uri()
    refused(gone, f"^no folder at {gone!r}; expected a folder of label folders; check", DataNotFoundError)
    (tmp_path / "empty").mkdir()
    refused((tmp_path / "empty").as_uri(), "^no images in 'file://.*empty'; expected one folder per label")
    refused(
        "gopher://photos/here",
        re.escape("cannot read 'gopher://photos/here' (")
        + r".*\); expected an address that pyarrow reads, such as s3://bucket/photos; check the address and",
    )
