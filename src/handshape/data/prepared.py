"""Prepared images, decoded once and held as uint8, or decoded again on demand when there are too many."""

import hashlib
import math
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from handshape.data.image import Preprocessing, decode_image
from handshape.data.sample import Sample
from handshape.errors import DataError, OutputError

Indices = Sequence[int] | NDArray[np.int64]
DECODE_THREADS = max(2, os.cpu_count() or 2)


class Images(Protocol):
    """N prepared images, in the order of the samples."""

    def __len__(self) -> int:
        """Return N."""
        ...

    def take(self, indices: Indices) -> NDArray[np.uint8]:
        """Return the images at B indices: (B, H, W, 3) uint8, RGB."""
        ...


class HeldImages:
    """Prepared images in one memory-mapped file, so that a folder larger than memory can be held.

    Args:
        array: (M, H, W, 3) uint8.
        rows: (N,) int64, where each sample's image is.
    """

    def __init__(self, array: NDArray[np.uint8], rows: NDArray[np.int64]) -> None:
        self._array, self._rows = array, rows

    def __len__(self) -> int:
        return len(self._rows)

    def take(self, indices: Indices) -> NDArray[np.uint8]:
        """Return the images at B indices: (B, H, W, 3) uint8, RGB."""
        return self._array[self._rows[np.asarray(indices, dtype=np.int64)]]


class DecodedImages:
    """Images decoded each time they are asked for, by several threads.

    Args:
        samples: N samples.
        digests: Content digest of each, to notice a file that was replaced meanwhile.
        preprocessing: How they are prepared.
    """

    def __init__(
        self, samples: Sequence[Sample], digests: Sequence[str], preprocessing: Preprocessing
    ) -> None:
        self._samples, self._digests, self._preprocessing = samples, digests, preprocessing
        self._pool = ThreadPoolExecutor(DECODE_THREADS)

    def __len__(self) -> int:
        return len(self._samples)

    def take(self, indices: Indices) -> NDArray[np.uint8]:
        """Return the images at B indices: (B, H, W, 3) uint8, RGB."""
        return np.stack(list(self._pool.map(self._one, indices)))

    def _one(self, index: int) -> NDArray[np.uint8]:
        sample = self._samples[index]
        try:
            data = sample.path.read_bytes()
        except OSError:
            data = b""
        if content_digest(data) != self._digests[index]:
            raise DataError(
                f"{sample.name!r} changed while it was being used",
                "photos that stay as they are",
                "run again",
            )
        return self._preprocessing.prepare(decode_image(data)[0])


def content_digest(data: bytes) -> str:
    """Return 32 hexadecimal digits that stand for a file's content, whatever its name."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def read_ahead(images: Images, batches: Sequence[NDArray[np.int64]]) -> Iterator[NDArray[np.uint8]]:
    """Take batches one ahead of their use, so that decoding runs beside the network.

    Args:
        images: Where to take them from.
        batches: Indices of each batch.

    Yields:
        (B, H, W, 3) uint8 for each batch in order.
    """
    with ThreadPoolExecutor(1) as pool:
        ahead: Future[NDArray[np.uint8]] | None = None
        for batch in batches:
            following = pool.submit(images.take, batch)
            if ahead is not None:
                yield ahead.result()
            ahead = following
        if ahead is not None:
            yield ahead.result()


def held_file(store: Path, digests: Sequence[str], size: int) -> Path:
    """Return where the prepared images of these files are held: named by what is in it."""
    name = content_digest(",".join([str(size), *digests]).encode())
    return store / "images" / f"{name}.npy"


@contextmanager
def hold(path: Path, count: int, size: int) -> Iterator[NDArray[np.uint8]]:
    """Make a file of prepared images that appears under its name only when it is whole.

    Args:
        path: Final name.
        count: M, number of images.
        size: Height and width in pixels.

    Yields:
        (M, size, size, 3) uint8 to be filled.

    Raises:
        OutputError: There is no room for the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.{os.getpid()}.partial")
    try:
        array = _reserve(partial, (count, size, size, 3))
        yield array
        array.flush()
        del array
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _reserve(partial: Path, shape: tuple[int, ...]) -> np.memmap[Any, np.dtype[np.uint8]]:
    try:
        array = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=shape)
        if hasattr(os, "posix_fallocate"):
            # Without its room taken now, a full disk would kill the program at some later write.
            with partial.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, partial.stat().st_size)
    except OSError as error:
        raise OutputError(
            f"cannot hold the prepared images in {str(partial.parent)!r} ({error.strerror})",
            f"room for {math.prod(shape) / 1e6:,.1f} MB",
            "make room, or choose another place with --store",
        ) from error
    return array
