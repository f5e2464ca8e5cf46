import io
import os
from pathlib import Path

import pytest
from PIL import Image
from tests.conftest import draw_shape
from tests.serve.conftest import encoded, png

from handshape.data.io.folder import read_folder
from handshape.errors import (
    AlbumError,
    ImageError,
    ImageFormatError,
    ImageSizeError,
    OutputError,
    UnknownPhotoError,
)
from handshape.serve.teach import album as album_module
from handshape.serve.teach.album import SIGNER, Album, by_label


@pytest.fixture
def album(tmp_path: Path) -> Album:
    """An album without a photo."""
    return Album(tmp_path / "photos")


def jpeg(index: int = 0, size: int = 64) -> bytes:
    """Return a JPEG of a drawn shape."""
    return encoded(draw_shape(0, 1, index, size), "JPEG")


def names(album: Album) -> list[str]:
    """Return the photos as paths below the album."""
    return [f"{photo.label}/{photo.name}" for photo in album.photos()]


def test_add__makes_a_class_folder_that_other_commands_read(album: Album) -> None:
    for index, (label, signer) in enumerate(
        [("A", "Anna"), ("A", "Anna"), ("A", "Jörg_2"), ("guten Tag", "Anna")]
    ):
        album.add(label, signer, jpeg(index))
    assert names(album) == ["A/Anna_1.jpg", "A/Anna_2.jpg", "A/Jörg_2_1.jpg", "guten Tag/Anna_1.jpg"]
    dataset = read_folder(album.folder, signer=SIGNER)
    assert dataset.labels == ("A", "guten Tag")
    assert dataset.signers == ("Anna", "Jörg_2")


def test_add__keeps_the_bytes_as_they_came(album: Album) -> None:
    data = jpeg()
    photo = album.add("A", "Anna", data)
    assert album.path("A", photo.name).read_bytes() == data


def test_add__keeps_the_same_bytes_once(album: Album) -> None:
    assert album.add("A", "Anna", jpeg()) == album.add("A", "Anna", jpeg())
    assert len(album.photos()) == 1


def test_add__counts_numbers_and_not_their_digits(album: Album) -> None:
    for index in range(11):
        album.add("A", "Anna", jpeg(index))
    assert [photo.name for photo in album.photos()][-2:] == ["Anna_10.jpg", "Anna_11.jpg"]


def test_add__never_gives_a_number_twice(album: Album) -> None:
    album.add("A", "Anna", jpeg(0))
    album.remove("A", album.add("A", "anna", jpeg(1)).name)
    assert album.add("A", "Anna", jpeg(2)).name == "Anna_3.jpg"


@pytest.mark.parametrize(
    "name",
    [
        *("..", "../x", "/etc", "a/b", "a\\b", "C:", "a\0b", "a\nb", ".bin", ".", "con", "NUL", "com1.txt"),
        *("LPT²", "", "   ", "x" * 61, "ends.", "a?b", "a\u202eb", "\ud800", "a|b", "train", "VAL"),
    ],
)
def test_add__refuses_signs_that_could_leave_the_folder(album: Album, name: str) -> None:
    with pytest.raises(AlbumError):
        album.add(name, "Anna", jpeg())
    assert not album.folder.exists()


@pytest.mark.parametrize(
    "name", ["..", "../x", "/etc/x", "a/b", "a\\b", "\0", "aux", "dot.", ".dot", "x" * 61]
)
def test_add__refuses_signers_that_could_leave_the_folder(album: Album, name: str) -> None:
    with pytest.raises(AlbumError):
        album.add("A", name, jpeg())
    assert not album.folder.exists()


def test_add__refuses_what_is_no_photo(album: Album) -> None:
    with pytest.raises(ImageFormatError, match="a photo that is no JPEG"):
        album.add("A", "Anna", png())
    with pytest.raises(ImageError, match="damaged"):
        album.add("A", "Anna", jpeg()[:200])
    with pytest.raises(ImageSizeError, match="16 x 16 pixels"):
        album.add("A", "Anna", encoded(Image.new("RGB", (16, 16)), "JPEG"))
    with pytest.raises(ImageSizeError, match="2100 x 40 pixels"):
        album.add("A", "Anna", encoded(Image.new("RGB", (2100, 40)), "JPEG"))
    with pytest.raises(ImageSizeError, match="bytes"):
        album.add("A", "Anna", jpeg() + b"\0" * 2_000_000)
    assert not album.folder.exists()


def test_add__refuses_two_spellings_of_a_sign(album: Album) -> None:
    album.add("Hello", "Anna", jpeg())
    with pytest.raises(AlbumError, match="differs from 'Hello' by capitals only"):
        album.add("hello", "Anna", jpeg(1))


def test_add__refuses_more_than_an_album_holds(album: Album, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(album_module, "MOST", 1)
    album.add("A", "Anna", jpeg())
    with pytest.raises(AlbumError, match="expected at most 1"):
        album.add("A", "Anna", jpeg(1))


def test_add__leaves_nothing_half_written(album: Album, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device"):
        album.add("A", "Anna", jpeg())
    assert not list(album.folder.rglob("*.*"))


def test_remove__says_that_the_disk_refuses(album: Album, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise PermissionError(13, "Permission denied")

    name = album.add("A", "Anna", jpeg()).name
    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OutputError, match="Permission denied"):
        album.remove("A", name)
    assert names(album) == [f"A/{name}"]


def test_restore__does_not_replace_another_file(album: Album) -> None:
    name = album.add("A", "Anna", jpeg()).name
    album.remove("A", name)
    (album.folder / "A").mkdir()
    (album.folder / "A" / name).write_bytes(jpeg(1))
    with pytest.raises(AlbumError, match="is there already"):
        album.restore("A", name)
    assert album.path("A", name).read_bytes() == jpeg(1)


def test_remove__moves_to_the_bin_and_back(album: Album) -> None:
    data = jpeg()
    name = album.add("A", "Anna", data).name
    album.remove("A", name)
    assert names(album) == []
    assert (album.folder / ".bin" / "A" / name).read_bytes() == data
    album.restore("A", name)
    assert album.path("A", name).read_bytes() == data


@pytest.mark.parametrize(
    ("label", "name"), [("..", "x.jpg"), ("A", "../../x.jpg"), ("A", "Anna_2.jpg"), (".bin", "A")]
)
def test_path__finds_only_what_is_in_the_album(album: Album, label: str, name: str) -> None:
    album.add("A", "Anna", jpeg())
    (album.folder.parent / "x.jpg").write_bytes(jpeg())
    for act in (album.path, album.remove, album.restore):
        with pytest.raises(UnknownPhotoError, match="no photo"):
            act(label, name)


def test_photos__reads_what_others_put_there(album: Album) -> None:
    (album.folder / "A").mkdir(parents=True)
    Image.open(io.BytesIO(png())).save(album.folder / "A" / "ben_1.png")
    (album.folder / "A" / "notes.txt").write_text("not a photo")
    (album.folder / "A" / "portrait.webp").write_bytes(encoded(draw_shape(0, 1, 0), "WEBP"))
    assert [(p.name, p.signer, p.kind) for p in album.photos()] == [
        ("portrait.webp", "", "image/webp"),
        ("ben_1.png", "ben", "image/png"),
    ]
    assert [label for label, _ in by_label(album.photos())] == ["A"]


def test_fingerprint__changes_with_the_photos(album: Album) -> None:
    before = album.fingerprint()
    album.add("A", "Anna", jpeg())
    assert album.fingerprint() != before
