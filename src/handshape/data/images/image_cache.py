"""Prepared images held in the store: decoded once, read at random, never more than a batch in memory."""

import errno
import os
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import BinaryIO
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from handshape.cache.workbench import hold_workbench, workbench_of
from handshape.cache.writing import writing_to_store
from handshape.data.images.prepared import BatchedDataset, BatchIndices, content_digest

# Up to this many bytes are held (some 80,000 photos): those of a larger data set are decoded again, and the
# ones that were not used for longest make room for new ones.
HELD_BYTES = 12 * 1024**3
_PIXELS, _DIGESTS = ".rgb", ".digests"


class CachedImages(BatchedDataset[NDArray[np.uint8]]):
    """Prepared images in a file of the cache.

    Read, not mapped: pages of a mapping count as memory of the process until the system wants them back.

    Args:
        path: The file.
        rows: (N,) int64, where each sample's image is in it.
        size: Height and width in pixels.
    """

    def __init__(self, path: Path, rows: NDArray[np.int64], size: int) -> None:
        self._file, self._lock = path.open("rb", buffering=0), Lock()
        self._path, self._rows, self._shape = path, rows, (size, size, 3)
        weakref.finalize(self, self._file.close)

    def __reduce__(self) -> tuple[type["CachedImages"], tuple[Path, NDArray[np.int64], int]]:
        # To a process that reads the same file.
        return CachedImages, (self._path.absolute(), self._rows, self._shape[0])

    def __len__(self) -> int:
        return len(self._rows)

    def __getitems__(self, indices: BatchIndices) -> NDArray[np.uint8]:
        rows = self._rows[np.asarray(indices, dtype=np.int64)]
        images = np.empty((len(rows), *self._shape), dtype=np.uint8)
        with self._lock:
            for image, row in zip(images, rows.tolist(), strict=True):
                self._file.seek(row * image.nbytes)
                self._file.readinto(image.data)
        return images


def held_file(store: Path, digests: Sequence[str], size: int) -> Path:
    """Return where the prepared images of these files are held: named by what is in it."""
    name = content_digest(",".join([str(size), *digests]).encode())
    return store / "images" / f"{name}{_PIXELS}"


def may_be_held(count: int, size: int) -> bool:
    """Return whether so many images, ``size`` pixels high and wide, are few enough to be held."""
    return 0 < count * size * size * 3 <= HELD_BYTES


def is_held(path: Path, count: int, size: int) -> bool:
    """Return whether a file holds its images, and note that it was used now."""
    try:
        # A process that was killed between the two has left images that nobody knows.
        whole = path.stat().st_size == count * size * size * 3 and path.with_suffix(_DIGESTS).is_file()
        os.utime(path)
    except OSError:
        return False
    return whole


class Filling:
    """A file of prepared images while it is made.

    Args:
        file: Of M images.
        size: Height and width in pixels.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._each, self._lock = file, size * size * 3, Lock()
        self.whole = True

    def put(self, index: int, image: NDArray[np.uint8]) -> None:
        """Put a (size, size, 3) uint8 image in its place in [0, M), from any thread."""
        data = np.ascontiguousarray(image).data
        with self._lock:
            self._file.seek(index * self._each)
            if self._file.write(data) < self._each:  # what is left of a disk that is nearly full
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def give_up(self) -> None:
        """Let no file appear, for its name would say that it holds an image which it has not."""
        self.whole = False


@contextmanager
def hold(path: Path, digests: Sequence[str], size: int) -> Iterator[Filling]:
    """Make a file of prepared images that appears under its name only when it is whole.

    Args:
        path: Final name.
        digests: Content digest of each of the M image files.
        size: Height and width in pixels.

    Yields:
        What takes the images.

    Raises:
        OutputError: There is no room for the file.
    """
    total = len(digests) * size * size * 3
    # Several processes may make the same file at once, for they write the same.
    bench = workbench_of(path.with_suffix(f".{uuid4().hex[:12]}"))
    what = f"{total / 1e6:,.1f} MB of prepared images to {str(path.parent)!r}"
    with writing_to_store(what):
        make_room(path.parent, total)
        with hold_workbench(bench):
            pixels, listed = bench / f"pixels{_PIXELS}", bench / f"photos{_DIGESTS}"
            with pixels.open("wb", buffering=0) as file:
                if hasattr(os, "posix_fallocate") and total:
                    # Better to hear that the disk is full now than after an hour of decoding.
                    os.posix_fallocate(file.fileno(), 0, total)
                filling = Filling(file, size)
                yield filling
            if filling.whole:
                listed.write_text("\n".join(digests))
                # In this order: images of photos that nobody knows are better than a list without images.
                pixels.replace(path)
                listed.replace(path.with_suffix(_DIGESTS))


def held_files(folder: Path) -> list[Path]:
    """Return the files of prepared images in a folder, those used last coming last."""
    used: list[tuple[float, Path]] = []
    for path in folder.glob(f"*{_PIXELS}"):
        with suppress(FileNotFoundError):  # another process may make room just now
            used.append((path.stat().st_mtime, path))
    return [path for _, path in sorted(used)]


def make_room(folder: Path, size: int) -> None:
    """Remove held images, those not used for longest first, until ``size`` bytes more are within bounds."""
    files = held_files(folder)
    sizes = [_size(path) for path in files]
    total = sum(sizes)
    for path, freed in zip(files, sizes, strict=True):
        if total + size <= HELD_BYTES:
            break
        total -= freed
        drop_held(path)


def drop_held(path: Path) -> None:
    """Remove one file of prepared images; a process that is reading it goes on doing so."""
    path.with_suffix(_DIGESTS).unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
