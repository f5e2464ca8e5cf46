"""Prepared images in the cache: decoded once, then read in any order, at most one batch in memory.

A list beside the file has a checksum of each image. A damaged image is decoded again.
"""

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

from handshape.cache.atomic import lock_folder, partial_folder
from handshape.cache.disk_errors import explain_cache_errors
from handshape.cache.integrity import Checksums, checksums, read_sealed, seal
from handshape.data.images.decode import RESIZED
from handshape.data.images.prepared import (
    BatchedDataset,
    BatchIndices,
    ImageFiles,
    content_digest,
    read_batch,
)
from handshape.progress import say

# Limit of all files together (some 80,000 photos). The least recently used files are deleted to stay below
# it; the images of a larger data set are not cached.
CACHE_BYTES = 12 * 1024**3
_PIXELS, _CHECKSUMS = ".rgb", ".crc"


class CachedImages(BatchedDataset[NDArray[np.uint8]]):
    """Prepared images in a file of the cache.

    The file is read, not mapped: mapped pages count as memory of the process.

    Args:
        path: The file.
        rows: (N,) int64, position of each sample's image in the file.
        size: Height and width in pixels.
        files: The N photos, from which damaged images are made anew.

    Raises:
        FileNotFoundError: The file, or its list of checksums, is not there.
    """

    def __init__(self, path: Path, rows: NDArray[np.int64], size: int, files: ImageFiles) -> None:
        listed = _read_checksums(path)
        if listed is None:
            raise FileNotFoundError(f"no checksums of {path}")
        self._file, self._lock = path.open("rb", buffering=0), Lock()
        self._path, self._rows, self._shape = path, rows, (size, size, 3)
        self._checksums, self._files, self._damaged = listed[rows], files, False
        weakref.finalize(self, self._file.close)

    def __reduce__(self) -> tuple[type["CachedImages"], tuple[Path, NDArray[np.int64], int, ImageFiles]]:
        return CachedImages, (self._path.absolute(), self._rows, self._shape[0], self._files)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitems__(self, indices: BatchIndices) -> NDArray[np.uint8]:
        chosen = np.asarray(indices, dtype=np.int64)
        rows = self._rows[chosen]
        images = np.empty((len(rows), *self._shape), dtype=np.uint8)
        with self._lock:
            for image, row in zip(images, rows.tolist(), strict=True):
                self._file.seek(row * image.nbytes)
                self._file.readinto(image.data)
        damaged = np.flatnonzero(checksums(map(_key, rows.tolist()), images) != self._checksums[chosen])
        if len(damaged):
            if not self._damaged:
                say(f"Damaged images in the cache {self._path.name} are made anew.")
                # The next run writes the file again.
                self._path.with_suffix(_CHECKSUMS).unlink(missing_ok=True)
            self._damaged = True
            images[damaged] = read_batch(self._files, chosen[damaged])
        return images


def cache_file(cache: Path, digests: Sequence[str], size: int) -> Path:
    """Return the path of the file for these photos' prepared images."""
    name = content_digest(",".join([RESIZED, str(size), *digests]).encode())
    return cache / "images" / f"{name}{_PIXELS}"


def fits_cache(count: int, size: int) -> bool:
    """Return whether ``count`` images, ``size`` pixels high and wide, fit into the cache."""
    return 0 < count * size * size * 3 <= CACHE_BYTES


def is_cached(path: Path, count: int, size: int) -> bool:
    """Return whether a file holds all its images, and mark it as used now."""
    try:
        # A process that was killed between the two renames leaves images without a list.
        complete = path.stat().st_size == count * size * size * 3
        os.utime(path)
    except OSError:
        return False
    listed = _read_checksums(path) if complete else None
    return listed is not None and len(listed) == count


def _read_checksums(path: Path) -> Checksums | None:
    content = read_sealed(path.with_suffix(_CHECKSUMS))
    return None if content is None else np.frombuffer(content, dtype="<u4")


def _key(row: int) -> bytes:
    return str(row).encode()


class ImageWriter:
    """Writes prepared images into a file of the cache, from any thread.

    Args:
        file: Of M images.
        count: M.
        size: Height and width in pixels.
    """

    def __init__(self, file: BinaryIO, count: int, size: int) -> None:
        self._file, self._image_bytes, self._lock = file, size * size * 3, Lock()
        self.checksums = np.zeros(count, dtype="<u4")
        self.complete = True

    def write(self, index: int, image: NDArray[np.uint8]) -> None:
        """Write a (size, size, 3) uint8 image at its position in [0, M)."""
        data = np.ascontiguousarray(image).data
        self.checksums[index] = checksums([_key(index)], [data])[0]
        with self._lock:
            self._file.seek(index * self._image_bytes)
            if self._file.write(data) < self._image_bytes:  # the disk is nearly full
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def discard(self) -> None:
        """Do not keep the file: an image is missing."""
        self.complete = False


@contextmanager
def write_cached_images(path: Path, digests: Sequence[str], size: int) -> Iterator[ImageWriter]:
    """Make a file of prepared images that gets its name only when it is complete.

    Args:
        path: Final name.
        digests: Content digest of each of the M image files.
        size: Height and width in pixels.

    Raises:
        OutputError: There is no room for the file.
    """
    total = len(digests) * size * size * 3
    # Several processes may write the same content at once, so each writes under its own name.
    folder = partial_folder(path.with_suffix(f".{uuid4().hex[:12]}"))
    what = f"{total / 1e6:,.1f} MB of prepared images to {str(path.parent)!r}"
    with explain_cache_errors(what):
        make_room(path.parent, total)
        with lock_folder(folder):
            pixels, listed = folder / f"pixels{_PIXELS}", folder / f"pixels{_CHECKSUMS}"
            with pixels.open("wb", buffering=0) as file:
                if hasattr(os, "posix_fallocate") and total:
                    # Fail now if the disk is full, not after an hour of decoding.
                    os.posix_fallocate(file.fileno(), 0, total)
                writer = ImageWriter(file, len(digests), size)
                yield writer
            if writer.complete:
                listed.write_bytes(seal(writer.checksums.tobytes()))
                # In this order: images without a list are harmless, a list without images is not.
                pixels.replace(path)
                listed.replace(path.with_suffix(_CHECKSUMS))


def cached_files(folder: Path) -> list[tuple[Path, int]]:
    """Return the files of prepared images in a folder with their sizes in bytes, the last used last."""
    found: list[tuple[float, Path, int]] = []
    for path in folder.glob(f"*{_PIXELS}"):
        with suppress(FileNotFoundError):  # another process may have deleted it
            about = path.stat()
            found.append((about.st_mtime, path, about.st_size))
    return [(path, size) for _, path, size in sorted(found)]


def make_room(folder: Path, size: int) -> None:
    """Delete the least recently used files until ``size`` more bytes fit."""
    files = cached_files(folder)
    total = sum(freed for _, freed in files)
    for path, freed in files:
        if total + size <= CACHE_BYTES:
            break
        total -= freed
        path.with_suffix(_CHECKSUMS).unlink(missing_ok=True)
        path.unlink(missing_ok=True)  # a process that is reading it can go on
