import os
import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from handshape.cache.location import open_cache
from handshape.data.dataset import Unreadable
from handshape.data.images import image_cache as held
from handshape.data.images import index as indexed
from handshape.data.images.decode import Preprocessing, decode_image, read_image
from handshape.data.images.image_cache import CachedImages
from handshape.data.images.image_stats import image_stats
from handshape.data.images.index import ImageIndex, index_images
from handshape.data.images.prepared import ImageFiles, content_digest, read_batch
from handshape.data.io.folder import read_folder
from handshape.errors import DataError, OutputError

MakePhotos = Callable[..., Path]


@pytest.fixture
def cache_dir(tmp_path: Path) -> Path:
    return open_cache(tmp_path / "cache")


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Digests of what is decoded, in the order of decoding."""
    found: list[str] = []

    def note(data: bytes) -> object:
        found.append(content_digest(data))
        return decode_image(data)

    monkeypatch.setattr(indexed, "decode_image", note)
    return found


def look(root: Path, cache_dir: Path, size: int = 32, *, strict: bool = False) -> ImageIndex:
    return index_images(read_folder(root), cache_dir, size=size, strict=strict)


def pixels(scanned: ImageIndex) -> list[list[int]]:
    """Every prepared image as a list of its bytes."""
    return read_batch(scanned.images, range(len(scanned.images))).reshape(len(scanned.images), -1).tolist()


def damage(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-60])


def test_scan_dataset__says_what_is_there(make_photos: MakePhotos, cache_dir: Path) -> None:
    root = make_photos(labels="AB", signers=2, images=2)
    scanned = look(root, cache_dir)
    assert scanned.dataset == read_folder(root)
    assert len(scanned.images) == len(scanned.digests) == len(scanned.stats) == 8
    for index, sample in enumerate(scanned.dataset.samples):
        image = read_image(sample.path)
        assert scanned.digests[index] == content_digest(sample.path.read_bytes())
        assert scanned.stats[index] == image_stats(image, "RGB")
        np.testing.assert_array_equal(scanned.images[index], Preprocessing(32).prepare(image))


def test_scan_dataset__one_image_of_one_colour(tmp_path: Path, cache_dir: Path) -> None:
    (tmp_path / "d" / "A").mkdir(parents=True)
    Image.new("RGB", (8, 8), (1, 2, 3)).save(tmp_path / "d" / "A" / "a.png")
    scanned = look(tmp_path / "d", cache_dir, size=4)
    assert scanned.dataset.labels == ("A",)
    assert (scanned.stats[0].width, scanned.stats[0].height) == (8, 8)
    np.testing.assert_array_equal(
        read_batch(scanned.images, [0]), np.tile(np.array([1, 2, 3], np.uint8), (1, 4, 4, 1))
    )


def test_scan_dataset__the_second_time_decodes_nothing(
    make_photos: MakePhotos, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_photos()
    first = look(root, cache_dir)
    monkeypatch.setattr(indexed, "decode_image", None)  # calling it would fail
    second = look(root, cache_dir)
    assert (second.dataset, second.digests, second.stats) == (first.dataset, first.digests, first.stats)
    assert pixels(second) == pixels(first)


def test_scan_dataset__a_new_photo_needs_new_prepared_images(
    make_photos: MakePhotos, cache_dir: Path, decoded: list[str]
) -> None:
    root = make_photos(labels="AB", signers=1, images=2)
    look(root, cache_dir)
    Image.new("RGB", (9, 9), "red").save(root / "A" / "0.png")
    scanned = look(root, cache_dir)
    assert len(scanned.images) == 5
    assert pixels(scanned)[0] == [255, 0, 0] * 32 * 32


def test_scan_dataset__a_new_name_or_label_needs_none(
    make_photos: MakePhotos, cache_dir: Path, decoded: list[str]
) -> None:
    root = make_photos(labels="AB", signers=1, images=2)
    look(root, cache_dir)
    decoded.clear()
    (root / "A" / "signer1_1.png").rename(root / "A" / "z.png")
    (root / "B").rename(root / "C")
    assert look(root, cache_dir).dataset.labels == ("A", "C")
    assert decoded == []


def test_scan_dataset__copies_are_each_an_image(make_photos: MakePhotos, cache_dir: Path) -> None:
    root = make_photos(labels="AB", signers=1, images=1)
    (root / "B" / "copy.png").write_bytes((root / "A" / "signer1_0.png").read_bytes())
    scanned = look(root, cache_dir)
    assert scanned.digests[0] == scanned.digests[1]
    assert scanned.stats[0] == scanned.stats[1]
    assert pixels(scanned)[0] == pixels(scanned)[1] != pixels(scanned)[2]
    assert pixels(look(root, cache_dir)) == pixels(scanned)


def test_scan_dataset__facts_are_kept_without_the_pixels(
    make_photos: MakePhotos, cache_dir: Path, decoded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_photos(labels="AB", signers=1, images=2)
    monkeypatch.setattr(held, "CACHE_BYTES", 0)
    first = look(root, cache_dir)
    assert len(decoded) == 4
    assert not (cache_dir / "images").exists()
    assert look(root, cache_dir, size=16).stats == first.stats
    assert len(decoded) == 4


def test_scan_dataset__without_facts_is_read_once_and_measured_when_they_are_wanted(
    make_photos: MakePhotos, cache_dir: Path, decoded: list[str]
) -> None:
    root = make_photos(labels="AB", signers=1, images=2)
    (root / "A" / "broken.png").write_bytes(b"no image")
    data = read_folder(root)
    plain = index_images(data, cache_dir, size=32, measure=False)
    assert plain.stats == () and len(plain.dataset) == 4
    decoded.clear()
    again = index_images(data, cache_dir, size=32, measure=False)
    assert again.digests == plain.digests and pixels(again) == pixels(plain)
    assert len(decoded) == 1  # the broken one, whose reason is told again
    assert len(look(root, cache_dir, size=32).stats) == 4
    assert index_images(data, cache_dir, size=32, measure=False).stats == ()


@pytest.mark.parametrize("enough", [True, False])
def test_scan_dataset__held_or_decoded_alike(
    make_photos: MakePhotos, cache_dir: Path, monkeypatch: pytest.MonkeyPatch, enough: bool
) -> None:
    root = make_photos(labels="AB", signers=1, images=2)
    (root / "A" / "bad.png").write_bytes(b"bad")  # samples and rows are no longer the same
    first = look(root, cache_dir)
    assert isinstance(first.images, CachedImages)
    monkeypatch.setattr(held, "CACHE_BYTES", 5 * 32 * 32 * 3 - (not enough))
    again = look(root, cache_dir)
    assert isinstance(again.images, CachedImages if enough else ImageFiles)
    assert len(again.images) == 4
    assert pixels(again) == pixels(first)
    assert again.digests == first.digests
    assert len({tuple(row) for row in pixels(again)}) == 4


# What cannot be read


def test_scan_dataset__lists_what_cannot_be_read(make_photos: MakePhotos, cache_dir: Path) -> None:
    root = make_photos(labels="ABC", signers=1, images=3)
    (root / "A" / "notes.txt").write_text("hello")
    (root / "A" / "signer1_0.png").write_bytes(b"")
    (root / "B" / "signer1_1.png").write_text("hello")
    damage(root / "B" / "signer1_2.png")
    Image.new("1", (8000, 7000)).save(root / "A" / "signer1_1.png")
    for path in (root / "C").iterdir():
        path.write_bytes(b"")
    for time in ("first", "second"):
        scanned = look(root, cache_dir)
        assert scanned.dataset.labels == ("A", "B"), time
        assert [s.name for s in scanned.dataset.samples] == ["A/signer1_2.png", "B/signer1_0.png"]
        assert scanned.dataset.classes.tolist() == [0, 1]
        assert scanned.dataset.unreadable == (
            Unreadable("A/notes.txt", "A", "not an image file (.txt)"),
            Unreadable("A/signer1_0.png", "A", "the file is empty"),
            Unreadable("A/signer1_1.png", "A", "too large (8000 x 7000 pixels)"),
            Unreadable("B/signer1_1.png", "B", "not an image, or of an unknown format"),
            Unreadable("B/signer1_2.png", "B", "damaged (image file is truncated)"),
            Unreadable("C/signer1_0.png", "C", "the file is empty"),
            Unreadable("C/signer1_1.png", "C", "the file is empty"),
            Unreadable("C/signer1_2.png", "C", "the file is empty"),
        )
        expected = [Preprocessing(32).prepare(read_image(s.path)) for s in scanned.dataset.samples]
        np.testing.assert_array_equal(read_batch(scanned.images, [0, 1]), expected)


def test_scan_dataset__strict_stops(make_photos: MakePhotos, cache_dir: Path) -> None:
    root = make_photos(labels="AB", signers=1, images=2)
    look(root, cache_dir, strict=True)  # nothing is wrong yet
    (root / "B" / "signer1_0.png").write_bytes(b"")
    message = "'B/signer1_0.png': the file is empty"
    with pytest.raises(DataError, match="^" + re.escape(message)):
        look(root, cache_dir, strict=True)
    (root / "A" / "a.txt").write_text("hello")
    with pytest.raises(DataError, match=r"'A/a.txt': not an image file \(.txt\)"):
        look(root, cache_dir, strict=True)


def test_scan_dataset__no_image_at_all(tmp_path: Path, cache_dir: Path) -> None:
    root = tmp_path / "d"
    (root / "A").mkdir(parents=True)
    (root / "A" / "a.png").touch()
    message = f"none of the 1 files in '{root.resolve()}' is a readable image"
    with pytest.raises(DataError, match="^" + re.escape(message)):
        look(root, cache_dir)


def test_scan_dataset__a_file_that_is_gone(make_photos: MakePhotos, cache_dir: Path) -> None:
    root = make_photos(labels="AB", signers=1, images=2)
    data = read_folder(root)
    (root / "A" / "signer1_1.png").unlink()
    scanned = index_images(data, cache_dir, size=32)
    reason = "cannot be read (No such file or directory)"
    assert scanned.dataset.unreadable == (Unreadable("A/signer1_1.png", "A", reason),)
    assert len(scanned.images) == 3


def test_scan_dataset__a_file_replaced_while_it_is_read(
    make_photos: MakePhotos, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_photos(labels="AB", signers=1, images=2)
    path, digest = root / "A" / "signer1_0.png", indexed._digest
    content = path.read_bytes()
    # A copy elsewhere makes the content known although this file's pixels are not read.
    (root / "B" / "copy.png").write_bytes(content)

    def replace_after(sample: object) -> str:
        found = digest(sample)  # type: ignore[arg-type]
        if sample.path == path:  # type: ignore[attr-defined]
            Image.new("RGB", (9, 9), "red").save(path)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(indexed, "_digest", replace_after)
        scanned = look(root, cache_dir)
    assert scanned.dataset.unreadable == (
        Unreadable("A/signer1_0.png", "A", "changed while it was being read"),
    )
    assert len(scanned.images) == 4
    kept = pixels(scanned)
    path.write_bytes(content)
    again = look(root, cache_dir)
    assert again.dataset.unreadable == ()
    by_name = dict(zip([s.name for s in again.dataset.samples], pixels(again), strict=True))
    assert by_name["A/signer1_0.png"] == by_name["B/copy.png"]  # and not black
    assert [row for name, row in by_name.items() if name != "A/signer1_0.png"] == kept


def test_scan_dataset__a_file_that_could_not_be_read_for_a_moment(
    make_photos: MakePhotos, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_photos(labels="AB", signers=1, images=2)
    read, times = Path.read_bytes, []

    def fail(self: Path) -> bytes:
        times.append(self.name)
        if times.count("signer1_1.png") == 3 and self.name == "signer1_1.png":
            raise OSError(5, "Input/output error")
        return read(self)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", fail)
        scanned = look(root, cache_dir)
    (unreadable,) = scanned.dataset.unreadable
    assert unreadable.reason == "cannot be read (Input/output error)"
    assert len(pixels(scanned)) == 3
    again = look(root, cache_dir)
    assert len(again.images) == 4
    expected = [Preprocessing(32).prepare(read_image(s.path)) for s in again.dataset.samples]
    np.testing.assert_array_equal(read_batch(again.images, range(4)), expected)


def test_scan_dataset__no_room_for_prepared_images(
    make_photos: MakePhotos, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, offset: int, length: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OutputError, match=r"of prepared images to .* \(No space left on device\)"):
        look(make_photos(labels="AB", signers=1, images=1), cache_dir)


def test_scan_dataset__photos_are_never_touched(make_photos: MakePhotos, cache_dir: Path) -> None:
    root = make_photos(labels="AB", signers=1, images=2)
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in root.rglob("*.png")}
    look(root, cache_dir)
    assert {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in root.rglob("*") if p.is_file()} == before


def test_scan_dataset__facts_of_another_version_are_read_again(
    make_photos: MakePhotos, cache_dir: Path, decoded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_photos(labels="AB", signers=1, images=1)
    look(root, cache_dir)
    decoded.clear()
    # A field less: what such a program writes must not meet what this one reads.
    monkeypatch.setattr(indexed, "fields", lambda kind: fields(kind)[1:])
    assert len(look(root, cache_dir).stats) == 2
    assert len(decoded) == 2
    assert len(list(cache_dir.glob("facts-*.lance"))) == 2
