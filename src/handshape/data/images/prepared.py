"""Prepared images: in memory, or decoded each time they are asked for."""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from handshape.data.dataset import Sample
from handshape.data.images.decode import Preprocessing, decode_image
from handshape.data.images.workers import workers
from handshape.errors import DataError

Indices = Sequence[int] | NDArray[np.int64]


class Images(Protocol):
    """N prepared images, in the order of the samples."""

    def __len__(self) -> int:
        """Return N."""
        ...

    def take(self, indices: Indices) -> NDArray[np.uint8]:
        """Return the images at B indices: (B, H, W, 3) uint8, RGB."""
        ...


class HeldImages:
    """Prepared images in one array.

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

    def __len__(self) -> int:
        return len(self._samples)

    def take(self, indices: Indices) -> NDArray[np.uint8]:
        """Return the images at B indices: (B, H, W, 3) uint8, RGB."""
        with workers() as pool:
            return np.stack(list(pool.map(self._one, indices)))

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
