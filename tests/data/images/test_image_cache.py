import errno
import os
import time
from pathlib import Path

import numpy as np
import pytest

from handshape.data.images import image_cache
from handshape.data.images.decode import Preprocessing
from handshape.data.images.image_cache import (
    CachedImages,
    cache_file,
    cached_files,
    is_cached,
    make_room,
    write_cached_images,
)
from handshape.data.images.prepared import ImageFiles, content_digest, read_batch
from handshape.errors import OutputError

NO_FILES = ImageFiles((), (), Preprocessing(4))  # where nothing is damaged


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def write_some(path: Path, values: list[int], size: int = 4) -> Path:
    digests = [content_digest(bytes([value])) for value in values]
    with write_cached_images(path, digests, size) as writer:
        for place, value in enumerate(values):
            writer.write(place, np.full((size, size, 3), value, dtype=np.uint8))
    return path


def test_cached_images__in_the_order_of_the_samples(tmp_path: Path) -> None:
    path = write_some(tmp_path / "a.rgb", [5, 6, 7, 8])
    images = CachedImages(path, np.array([3, 1, 0]), 4, NO_FILES)
    assert len(images) == 3
    taken = read_batch(images, [2, 0, 0])
    assert taken.shape == (3, 4, 4, 3)
    assert taken.dtype == np.uint8
    assert taken[:, 3, 3, 2].tolist() == [5, 8, 8]
    assert read_batch(images, []).shape == (0, 4, 4, 3)


def test_cached_images__outlive_their_file_s_name(tmp_path: Path) -> None:
    path = write_some(tmp_path / "a.rgb", [5, 6])
    images = CachedImages(path, np.array([0, 1]), 4, NO_FILES)
    path.unlink()
    assert read_batch(images, [1])[0, 0, 0, 0] == 6


def test_cache_file__is_named_by_content_order_and_size(tmp_path: Path) -> None:
    a, b = content_digest(b"a"), content_digest(b"b")
    lists = [([a, b], 8), ([b, a], 8), ([a], 8), ([a, b], 9), ([a, ""], 8), (["", a], 8)]
    found = {cache_file(tmp_path, digests, size) for digests, size in lists}
    assert len(found) == len(lists)
    assert cache_file(tmp_path, [a, b], 8) == cache_file(tmp_path, [a, b], 8)
    assert {path.parent for path in found} == {tmp_path / "images"}


def test_write_cached_images__appears_complete(tmp_path: Path) -> None:
    path = tmp_path / "images" / "a.rgb"
    with write_cached_images(path, ["x", "y"], 4) as writer:
        writer.write(1, np.full((4, 4, 3), 7, dtype=np.uint8)[:, ::-1])
        assert not is_cached(path, 2, 4)
    assert names(path.parent) == ["a.crc", "a.rgb"]
    assert is_cached(path, 2, 4)
    assert not is_cached(path, 3, 4)  # cut short, or another number of photos
    pixels = np.fromfile(path, dtype=np.uint8).reshape(2, 4, 4, 3)
    assert (pixels[0] == 0).all()
    assert (pixels[1] == 7).all()


@pytest.mark.parametrize("stop", [RuntimeError, KeyboardInterrupt])
def test_write_cached_images__a_failure_changes_nothing(tmp_path: Path, stop: type[BaseException]) -> None:
    (tmp_path / "a.rgb").write_bytes(b"earlier")
    for name in ("a.rgb", "b.rgb"):
        with pytest.raises(stop), write_cached_images(tmp_path / name, ["x", "y"], 4):
            raise stop
    assert names(tmp_path) == ["a.rgb"] and (tmp_path / "a.rgb").read_bytes() == b"earlier"


def test_write_cached_images__no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, offset: int, length: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    refused = pytest.raises(OutputError, match=r"1\.5 MB .*No space left on device.*--cache")
    with refused, write_cached_images(tmp_path / "a.rgb", ["x"] * 10, 224):
        pytest.fail("there is no room")
    assert names(tmp_path) == []


def test_write_cached_images__takes_its_room_at_once(tmp_path: Path) -> None:
    with write_cached_images(tmp_path / "a.rgb", ["x"] * 10, 64):
        (partial,) = tmp_path.glob(".*.partial/*.rgb")
        assert partial.stat().st_blocks * 512 >= 10 * 64 * 64 * 3


def test_write_cached_images__where_room_cannot_be_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "posix_fallocate")  # as on macOS and Windows
    path = write_some(tmp_path / "a.rgb", [3, 4])
    assert (
        read_batch(CachedImages(path, np.array([1]), 4, NO_FILES), [0]).tolist()
        == np.full((1, 4, 4, 3), 4).tolist()
    )


def test_write_cached_images__discarded(tmp_path: Path) -> None:
    with write_cached_images(tmp_path / "a.rgb", ["x", "y"], 4) as writer:
        writer.write(0, np.zeros((4, 4, 3), dtype=np.uint8))
        writer.discard()
    assert names(tmp_path) == []


def test_is_cached__without_its_list_of_photos(tmp_path: Path) -> None:
    path = write_some(tmp_path / "a.rgb", [5, 6])
    path.with_suffix(".crc").unlink()  # as a process leaves it that was killed just then
    assert not is_cached(path, 2, 4)
    write_some(path, [5, 6])
    assert is_cached(path, 2, 4)


def test_make_room__removes_the_least_recently_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for age, name in enumerate("abc"):
        path = write_some(tmp_path / f"{name}.rgb", [1])
        os.utime(path, (0, time.time() - 1000 * age))  # a was used last
    assert [path.stem for path, _ in cached_files(tmp_path)] == ["c", "b", "a"]
    monkeypatch.setattr(image_cache, "CACHE_BYTES", 3 * 48)
    assert is_cached(tmp_path / "c.rgb", 1, 4)  # and now c
    make_room(tmp_path, 48)
    assert names(tmp_path) == ["a.crc", "a.rgb", "c.crc", "c.rgb"]
    write_some(tmp_path / "d.rgb", [1, 2])
    assert names(tmp_path) == ["c.crc", "c.rgb", "d.crc", "d.rgb"]
