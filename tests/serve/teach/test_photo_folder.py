import io
import os
from pathlib import Path

import pytest
from PIL import Image
from tests.conftest import draw_shape
from tests.damage import FLIPS, flipped
from tests.serve.conftest import encoded, jpeg, png

from handshape.data.io.folder import read_folder
from handshape.data.io.project_file import SIGNER_PATTERN
from handshape.errors import (
    AlbumError,
    ImageError,
    ImageFormatError,
    ImageSizeError,
    OutputError,
    UnknownPhotoError,
)
from handshape.serve.teach import photo_folder
from handshape.serve.teach.photo_folder import PhotoFolder, TeachPhoto, photos_by_label


@pytest.fixture
def folder(tmp_path: Path) -> PhotoFolder:
    """A folder without a photo."""
    return PhotoFolder(tmp_path / "photos")


def names(folder: PhotoFolder) -> list[str]:
    """Return the photos as paths below the folder."""
    return [f"{photo.label}/{photo.name}" for photo in folder.photos()]


def test_add__makes_a_class_folder_that_other_commands_read(folder: PhotoFolder) -> None:
    for index, (label, signer) in enumerate(
        [("A", "Anna"), ("A", "Anna"), ("A", "Jörg_2"), ("guten Tag", "Anna")]
    ):
        photo = folder.add(label, signer, jpeg(0, index))
        assert folder.find(label, photo.name).read_bytes() == jpeg(0, index)
    assert names(folder) == ["A/Anna_1.jpg", "A/Anna_2.jpg", "A/Jörg_2_1.jpg", "guten Tag/Anna_1.jpg"]
    dataset = read_folder(folder.path, signer=SIGNER_PATTERN)
    assert (dataset.labels, dataset.signers) == (("A", "guten Tag"), ("Anna", "Jörg_2"))


def test_add__saves_the_same_bytes_once(folder: PhotoFolder) -> None:
    before = folder.fingerprint()
    assert folder.add("A", "Anna", jpeg()) == folder.add("A", "Anna", jpeg())
    assert len(folder.photos()) == 1
    assert folder.fingerprint() != before


def test_add__numbers_photos_in_numeric_order(folder: PhotoFolder) -> None:
    for index in range(11):
        folder.add("A", "Anna", jpeg(0, index))
    assert [photo.name for photo in folder.photos()][-2:] == ["Anna_10.jpg", "Anna_11.jpg"]


def test_add__never_gives_a_number_twice(folder: PhotoFolder) -> None:
    folder.add("A", "Anna", jpeg(0, 0))
    folder.remove("A", folder.add("A", "anna", jpeg(0, 1)).name)
    assert folder.add("A", "Anna", jpeg(0, 2)).name == "Anna_3.jpg"


@pytest.mark.parametrize(
    "name",
    [
        *("..", "../x", "/etc", "a/b", "a\\b", "C:", "a\0b", "a\nb", ".bin", ".", "con", "NUL", "com1.txt"),
        *("LPT²", "", "   ", "x" * 61, "ends.", "a?b", "a\u202eb", "\ud800", "a|b"),
    ],
)
def test_add__refuses_names_that_could_leave_the_folder(folder: PhotoFolder, name: str) -> None:
    for label, signer in ((name, "Anna"), ("A", name)):
        with pytest.raises(AlbumError):
            folder.add(label, signer, jpeg())
    assert not folder.path.exists()


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (png(), ImageFormatError),
        (jpeg()[:200], ImageError),
        (encoded(Image.new("RGB", (16, 16)), "JPEG"), ImageSizeError),
        (encoded(Image.new("RGB", (2100, 40)), "JPEG"), ImageSizeError),
        (jpeg() + b"\0" * 2_000_000, ImageSizeError),
    ],
)
def test_add__refuses_what_is_no_photo(folder: PhotoFolder, data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        folder.add("A", "Anna", data)
    assert not folder.path.exists()


def test_add__refuses_two_spellings_of_a_sign(folder: PhotoFolder) -> None:
    folder.add("Hello", "Anna", jpeg())
    with pytest.raises(AlbumError, match="capitals"):
        folder.add("hello", "Anna", jpeg(0, 1))


def test_add__refuses_more_than_the_folder_holds(
    folder: PhotoFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_folder, "MOST_PHOTOS", 1)
    folder.add("A", "Anna", jpeg())
    with pytest.raises(AlbumError, match="at most 1"):
        folder.add("A", "Anna", jpeg(0, 1))


def test_add__leaves_nothing_half_written(folder: PhotoFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device"):
        folder.add("A", "Anna", jpeg())
    assert not list(folder.path.rglob("*.*"))


def test_remove__reports_a_disk_that_refuses(folder: PhotoFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise PermissionError(13, "Permission denied")

    name = folder.add("A", "Anna", jpeg()).name
    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OutputError, match="Permission denied"):
        folder.remove("A", name)
    assert names(folder) == [f"A/{name}"]


def test_remove__moves_to_the_bin_and_back(folder: PhotoFolder) -> None:
    name = folder.add("A", "Anna", jpeg()).name
    folder.remove("A", name)
    assert names(folder) == []
    assert (folder.path / ".bin" / "A" / name).read_bytes() == jpeg()
    folder.restore("A", name)
    assert folder.find("A", name).read_bytes() == jpeg()


def test_restore__does_not_replace_another_file(folder: PhotoFolder) -> None:
    name = folder.add("A", "Anna", jpeg()).name
    folder.remove("A", name)
    (folder.path / "A").mkdir()
    (folder.path / "A" / name).write_bytes(jpeg(0, 1))
    with pytest.raises(AlbumError, match="is there already"):
        folder.restore("A", name)
    assert folder.find("A", name).read_bytes() == jpeg(0, 1)


@pytest.mark.parametrize(
    ("label", "name"), [("..", "x.jpg"), ("A", "../../x.jpg"), ("A", "Anna_2.jpg"), (".bin", "A")]
)
def test_find__only_photos_of_the_folder(folder: PhotoFolder, label: str, name: str) -> None:
    folder.add("A", "Anna", jpeg())
    (folder.path.parent / "x.jpg").write_bytes(jpeg())
    for act in (folder.find, folder.remove, folder.restore):
        with pytest.raises(UnknownPhotoError):
            act(label, name)


def test_photos__includes_those_of_other_programs(folder: PhotoFolder) -> None:
    (folder.path / "A").mkdir(parents=True)
    Image.open(io.BytesIO(png())).save(folder.path / "A" / "ben_1.png")
    (folder.path / "A" / "notes.txt").write_text("not a photo")
    (folder.path / "A" / "portrait.webp").write_bytes(encoded(draw_shape(0, 1, 0), "WEBP"))
    photos = [TeachPhoto("A", "portrait.webp", ""), TeachPhoto("A", "ben_1.png", "ben")]
    assert folder.photos() == photos
    assert photos_by_label(photos) == {"A": photos}


@pytest.mark.parametrize("count", FLIPS)
def test_flipped_bit__in_a_photo_or_its_digest(folder: PhotoFolder, count: int) -> None:
    before = {folder.add("A", "Anna", jpeg(0, index)).name: jpeg(0, index) for index in range(2)}
    files = [*(folder.path / "A").iterdir(), folder.path / ".digests"]
    for damaged in flipped(files, count):
        again = PhotoFolder(folder.path)
        sound = {photo.name: again.read("A", photo.name) for photo in again.sound()}
        assert all(before[name] == data for name, data in sound.items())
        assert {photo.name for photo in again.damaged} == before.keys() - sound.keys()
        assert len(again.damaged) == (damaged.parent.name == "A")
        (folder.path / ".digests").write_bytes(files_before(folder))


def files_before(folder: PhotoFolder) -> bytes:
    """Return the digests as they were written first: a server adds those that it misses."""
    lines = (folder.path / ".digests").read_bytes().splitlines(keepends=True)
    return b"".join(lines[:2])


def test_read__an_album_of_an_earlier_version(folder: PhotoFolder) -> None:
    name = folder.add("A", "Anna", jpeg()).name
    (folder.path / ".digests").unlink()
    assert [photo.name for photo in PhotoFolder(folder.path).sound()] == [name]
    (folder.path / "A" / name).write_bytes(jpeg(0, 1))
    again = PhotoFolder(folder.path)
    with pytest.raises(ImageError, match=rf"A/{name} is damaged .*; remove it, and take another"):
        again.read("A", name)
    assert again.sound() == [] and [photo.name for photo in again.damaged] == [name]


def test_photos__links_are_none(folder: PhotoFolder, tmp_path: Path) -> None:
    folder.add("A", "Anna", jpeg())
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "Ben_1.jpg").write_bytes(jpeg(0, 1))
    (folder.path / "A" / "Ben_1.jpg").symlink_to(secret / "Ben_1.jpg")
    (folder.path / "B").symlink_to(secret)
    assert names(folder) == ["A/Anna_1.jpg"]
    for label in "AB":
        with pytest.raises(UnknownPhotoError):
            folder.read(label, "Ben_1.jpg")
    with pytest.raises(AlbumError, match="is a link"):
        folder.add("B", "Anna", jpeg(0, 2))
    (folder.path / ".bin").symlink_to(secret)
    with pytest.raises(AlbumError, match="is a link"):
        folder.remove("A", "Anna_1.jpg")
    assert [path.name for path in secret.iterdir()] == ["Ben_1.jpg"]


def test_claimed__one_server_at_a_time(folder: PhotoFolder) -> None:
    with folder.claimed():
        refused = pytest.raises(OutputError, match=rf"another server uses the photos in '{folder.path}'")
        with refused, PhotoFolder(folder.path).claimed():
            pytest.fail("the folder is in use")
        folder.add("A", "Anna", jpeg())
    with PhotoFolder(folder.path).claimed():
        assert len(folder.photos()) == 1


def test_claimed__empties_the_bin(folder: PhotoFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photo_folder, "MOST_PHOTOS", 2)
    for index in range(2):
        folder.remove("A", folder.add("A", "Anna", jpeg(0, index)).name)
    with pytest.raises(
        AlbumError, match="0 photos, and 2 in the bin; expected at most 2; start the server again"
    ):
        folder.add("A", "Anna", jpeg(0, 2))
    with folder.claimed():
        assert not list((folder.path / ".bin").iterdir())
        assert folder.add("A", "Anna", jpeg(0, 2)).name == "Anna_3.jpg"  # no number is given twice


def test_add__the_longest_names(folder: PhotoFolder) -> None:
    name = "\N{GRINNING FACE}" * 60
    photo = folder.add(name, name, jpeg())
    assert folder.read(name, photo.name) == jpeg()
    with pytest.raises(AlbumError, match="a name of 61 characters for a sign; expected 1 to 60"):
        folder.add(f"{name}x", "Anna", jpeg())
