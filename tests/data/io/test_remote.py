import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.s3 import SECRET, STRANGER

from handshape.data.io.folder import read_folder
from handshape.data.io.remote import read_address
from handshape.errors import DataError, DataNotFoundError

MakePhotos = Callable[..., Path]


def put(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"any bytes: nothing is decoded here")


def alike(root: Path, address: str = "", **options: Any) -> None:
    """An address lists what the folder itself does, in whatever order."""
    system, there = read_address(address or root.as_uri(), **options)
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
    refused(gone, f"^no folder at {gone!r}", DataNotFoundError)
    (tmp_path / "empty").mkdir()
    refused((tmp_path / "empty").as_uri(), "^no images in 'file://.*empty'")
    refused(
        "gopher://photos/here",
        re.escape("cannot read 'gopher://photos/here' (") + r".*\)",
    )


@pytest.mark.slow
def test_read_address__a_bucket(make_photos: MakePhotos, s3: Callable[[Path, str], None]) -> None:
    root = make_photos("BAC", signers=2, images=1)
    put(root / "A" / "deeper" / "signer1_9.jpg", root / "A" / "notes.txt", root / "loose.png")
    put(root / "A" / ".hidden.png", root / "C" / "é 1+2 %41.png")
    s3(root, "listed")
    alike(root, "s3://listed")
    alike(root, "s3://listed/", labels="A,C")


@pytest.mark.slow
def test_read_address__a_bucket_that_cannot_be_read(
    make_photos: MakePhotos, s3: Callable[[Path, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    s3(make_photos("A", signers=1, images=1), "shut")
    refused("s3://shut/gone", "^no folder at 's3://shut/gone'", DataNotFoundError)
    refused(
        "s3://gone/photos",
        "^no bucket at 's3://gone/photos'",
        DataNotFoundError,
    )
    right = ""
    # Neither key nor secret is said.
    refused("s3://nobody:other@shut", r"^'s3://shut' was refused \(.+\)" + right)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    refused("s3://shut", r"^'s3://shut' was refused \(The request signature .*[^.]\)" + right)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", STRANGER)
    refused("s3://shut", r"^'s3://shut' was refused \(Access Denied\)" + right)


@pytest.mark.slow  # it is asked again for six seconds
def test_read_address__a_server_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    refused(
        "s3://key:secret@bucket/photos",
        r"^cannot read 's3://bucket/photos' \(.*127\.0\.0\.1:9.*\)",
    )
