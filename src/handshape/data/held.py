"""Prepared images held in the store: decoded once, read at random, never more than a batch in memory."""

import os
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from handshape.data.prepared import Indices, content_digest
from handshape.errors import OutputError

# Up to this many bytes are held (some 80,000 photos): those of a larger data set are decoded again, and the
# ones that were not used for longest make room for new ones.
HELD_BYTES = 12 * 1024**3
_PIXELS, _DIGESTS = ".rgb", ".digests"


class StoredImages:
    """Prepared images in a file.

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

    def __reduce__(self) -> tuple[type["StoredImages"], tuple[Path, NDArray[np.int64], int]]:
        # To a process that reads the same file.
        return StoredImages, (self._path.absolute(), self._rows, self._shape[0])

    def __len__(self) -> int:
        return len(self._rows)

    def take(self, indices: Indices) -> NDArray[np.uint8]:
        """Return the images at B indices: (B, H, W, 3) uint8, RGB."""
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
        whole = path.stat().st_size == count * size * size * 3
        os.utime(path)
    except OSError:
        return False
    return whole


@contextmanager
def hold(path: Path, digests: Sequence[str], size: int) -> Iterator[Callable[[int, NDArray[np.uint8]], None]]:
    """Make a file of prepared images that appears under its name only when it is whole.

    Args:
        path: Final name.
        digests: Content digest of each of the M image files.
        size: Height and width in pixels.

    Yields:
        A function that puts a (size, size, 3) uint8 image in its place in [0, M), from any thread.

    Raises:
        OutputError: There is no room for the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    each = size * size * 3
    make_room(path.parent, len(digests) * each)
    partial = path.with_name(f".{path.stem}.{os.getpid()}.partial")
    lock = Lock()
    try:
        with _reserve(partial, len(digests) * each) as file:

            def put(index: int, image: NDArray[np.uint8]) -> None:
                try:
                    with lock:
                        file.seek(index * each)
                        file.write(np.ascontiguousarray(image).data)
                except OSError as error:
                    raise _no_room(partial, len(digests) * each, error) from error

            yield put
        path.with_suffix(_DIGESTS).write_text("\n".join(digests))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def held_files(folder: Path) -> list[Path]:
    """Return the files of prepared images in a folder, those used last coming last."""
    return sorted(folder.glob(f"*{_PIXELS}"), key=lambda path: path.stat().st_mtime)


def make_room(folder: Path, size: int) -> None:
    """Remove held images, those not used for longest first, until ``size`` bytes more are within bounds."""
    files = held_files(folder)
    total = sum(path.stat().st_size for path in files)
    for path in files:
        if total + size <= HELD_BYTES:
            break
        total -= path.stat().st_size
        drop_held(path)


def drop_held(path: Path) -> None:
    """Remove one file of prepared images; a process that is reading it goes on doing so."""
    path.unlink(missing_ok=True)
    path.with_suffix(_DIGESTS).unlink(missing_ok=True)


def holds_any(path: Path, digests: set[str]) -> bool:
    """Return whether a file holds an image of one of these photos, or does not say whose it holds."""
    try:
        listed = path.with_suffix(_DIGESTS).read_text().split("\n")
    except OSError:
        return True
    return not digests.isdisjoint(listed)


def _reserve(partial: Path, size: int) -> BinaryIO:
    file = partial.open("wb", buffering=0)
    try:
        if hasattr(os, "posix_fallocate") and size:
            # Better to hear that the disk is full now than after an hour of decoding.
            os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        file.close()
        raise _no_room(partial, size, error) from error
    return file


def _no_room(partial: Path, size: int, error: OSError) -> OutputError:
    return OutputError(
        f"cannot hold the prepared images in {str(partial.parent)!r} ({error.strerror})",
        f"room for {size / 1e6:,.1f} MB",
        "make room, or choose another place with --store",
    )
