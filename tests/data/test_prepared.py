import errno
import os
import re
import threading
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from handshape.data.image import Preprocessing
from handshape.data.prepared import (
    DecodedImages,
    HeldImages,
    Indices,
    content_digest,
    held_file,
    hold,
    read_ahead,
)
from handshape.data.sample import Sample
from handshape.errors import DataError, OutputError


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def photos(folder: Path, count: int = 3) -> tuple[list[Sample], list[str]]:
    samples = []
    for number in range(count):
        path = folder / f"{number}.png"
        Image.new("RGB", (5 + number, 4), (40 * number, 10, 20)).save(path)
        samples.append(Sample(path, path.name, "A"))
    return samples, [content_digest(sample.path.read_bytes()) for sample in samples]


def test_content_digest__stands_for_the_content() -> None:
    assert content_digest(b"a") == content_digest(b"a") != content_digest(b"b")
    assert re.fullmatch("[0-9a-f]{32}", content_digest(b""))


def test_held_images__in_the_order_of_the_samples() -> None:
    array = np.arange(4, dtype=np.uint8).reshape(4, 1, 1, 1).repeat(3, axis=-1)
    images = HeldImages(array, np.array([3, 1, 0]))
    assert len(images) == 3
    taken = images.take([2, 0, 0])
    assert taken[:, 0, 0, 0].tolist() == [0, 3, 3]
    taken[:] = 9  # a copy
    assert images.take(np.array([0], dtype=np.int64))[0, 0, 0, 0] == 3


def test_decoded_images__prepares_on_demand(tmp_path: Path) -> None:
    samples, digests = photos(tmp_path)
    images = DecodedImages(samples, digests, Preprocessing(8))
    assert len(images) == 3
    taken = images.take(np.array([2, 0], dtype=np.int64))
    assert taken.shape == (2, 8, 8, 3)
    assert taken[:, 0, 0].tolist() == [[80, 10, 20], [0, 10, 20]]


@pytest.mark.parametrize("how", ["replaced", "removed"])
def test_decoded_images__a_file_that_changed(tmp_path: Path, how: str) -> None:
    samples, digests = photos(tmp_path)
    images = DecodedImages(samples, digests, Preprocessing(8))
    if how == "replaced":
        samples[2].path.replace(samples[1].path)
    else:
        samples[1].path.unlink()
    message = "'1.png' changed while it was being used; expected photos that stay as they are; run again"
    with pytest.raises(DataError, match="^" + re.escape(message) + "$"):
        images.take([0, 1])


class Slow:
    """Images that say which thread takes them."""

    def __init__(self) -> None:
        self.threads: list[str] = []
        self.taken: list[list[int]] = []

    def __len__(self) -> int:
        return 10

    def take(self, indices: Indices) -> NDArray[np.uint8]:
        self.threads.append(threading.current_thread().name)
        self.taken.append(list(indices))
        if 7 in indices:
            raise DataError("wrong", "right", "do it")
        return np.array(indices, dtype=np.uint8)


@pytest.mark.parametrize("batches", [[], [[3]], [[1, 2], [0], [5, 4]]])
def test_read_ahead__every_batch_in_order(batches: list[list[int]]) -> None:
    images = Slow()
    read = read_ahead(images, [np.array(batch, dtype=np.int64) for batch in batches])
    assert [batch.tolist() for batch in read] == batches
    assert threading.current_thread().name not in images.threads


def test_read_ahead__is_one_batch_ahead() -> None:
    images = Slow()
    read = read_ahead(images, [np.array([n], dtype=np.int64) for n in range(6)])
    assert next(read).tolist() == [0]
    assert len(images.taken) <= 2
    read.close()  # type: ignore[attr-defined]
    assert len(images.taken) == 2


def test_read_ahead__an_error_comes_through() -> None:
    read = read_ahead(Slow(), [np.array([n], dtype=np.int64) for n in (1, 7, 2)])
    assert next(read).tolist() == [1]
    with pytest.raises(DataError, match="wrong"):
        list(read)


def test_held_file__is_named_by_content_order_and_size(tmp_path: Path) -> None:
    a, b = content_digest(b"a"), content_digest(b"b")
    lists = [([a, b], 8), ([b, a], 8), ([a], 8), ([a, b], 9), ([a, ""], 8), (["", a], 8)]
    found = {held_file(tmp_path, digests, size) for digests, size in lists}
    assert len(found) == len(lists)
    assert held_file(tmp_path, [a, b], 8) == held_file(tmp_path, [a, b], 8)
    assert {path.parent for path in found} == {tmp_path / "images"}
    assert {path.suffix for path in found} == {".npy"}


def test_hold__appears_whole(tmp_path: Path) -> None:
    path = tmp_path / "images" / "a.npy"
    with hold(path, 2, 4) as array:
        assert array.shape == (2, 4, 4, 3)
        array[1] = 7
        assert not path.exists()
    assert names(path.parent) == ["a.npy"]
    held = np.load(path, mmap_mode="r")
    assert held.dtype == np.uint8
    assert (held[0] == 0).all()
    assert (held[1] == 7).all()


@pytest.mark.parametrize("stop", [RuntimeError, KeyboardInterrupt])
def test_hold__a_failure_leaves_nothing(tmp_path: Path, stop: type[BaseException]) -> None:
    with pytest.raises(stop), hold(tmp_path / "a.npy", 2, 4):
        raise stop
    assert names(tmp_path) == []


def test_hold__a_failure_keeps_the_earlier_file(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(b"earlier")
    with pytest.raises(RuntimeError), hold(tmp_path / "a.npy", 2, 4):
        raise RuntimeError
    assert (tmp_path / "a.npy").read_bytes() == b"earlier"
    assert names(tmp_path) == ["a.npy"]


def test_hold__no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, offset: int, length: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    message = (
        f"cannot hold the prepared images in '{tmp_path}' (No space left on device); "
        "expected room for 1.5 MB; make room, or choose another place with --store"
    )
    with pytest.raises(OutputError, match="^" + re.escape(message) + "$"), hold(tmp_path / "a.npy", 10, 224):
        pytest.fail("there is no room")
    assert names(tmp_path) == []


def test_hold__takes_its_room_at_once(tmp_path: Path) -> None:
    with hold(tmp_path / "a.npy", 10, 64):
        (partial,) = tmp_path.iterdir()
        assert partial.stat().st_blocks * 512 >= 10 * 64 * 64 * 3


def test_hold__where_room_cannot_be_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "posix_fallocate")  # as on macOS and Windows
    with hold(tmp_path / "a.npy", 1, 4) as array:
        array[:] = 3
    assert (np.load(tmp_path / "a.npy") == 3).all()
