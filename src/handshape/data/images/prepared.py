"""Data sets of prepared images: in memory, or decoded each time they are asked for."""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Subset

from handshape.data.dataset import Sample
from handshape.data.images.decode import Preprocessing, decode_image
from handshape.data.images.workers import workers
from handshape.errors import DataError

BatchIndices = Sequence[int] | NDArray[np.int64]
Batch = TypeVar("Batch", NDArray[np.uint8], Tensor)


class BatchedDataset(Dataset[Batch]):
    """A data set that reads a whole batch at once, as an array whose first axis counts its items.

    torch's ``DataLoader`` and ``Subset`` call ``__getitems__`` where a data set has it.
    """

    def __len__(self) -> int:
        """Return the number of items."""
        raise NotImplementedError

    def __getitems__(self, indices: BatchIndices) -> Batch:
        """Return the items at B indices as one batch."""
        raise NotImplementedError

    def __getitem__(self, index: int) -> Batch:
        """Return one item."""
        first: Batch = self.__getitems__([index])[0]
        return first

    def set_epoch(self, epoch: int) -> None:
        """Choose what is shown in an epoch, from 1; most data sets show the same in all of them."""


PreparedImages = BatchedDataset[NDArray[np.uint8]] | Subset[NDArray[np.uint8]]
"""N images, each (H, W, 3) uint8 in RGB order, in the order of the samples."""


def read_batch(dataset: BatchedDataset[Batch] | Subset[Batch], indices: BatchIndices) -> Batch:
    """Return the items at B indices as one batch."""
    return cast(Batch, dataset.__getitems__(indices))  # type: ignore[arg-type]


class InMemoryImages(BatchedDataset[NDArray[np.uint8]]):
    """Prepared images in one array.

    Args:
        array: (N, H, W, 3) uint8.
    """

    def __init__(self, array: NDArray[np.uint8]) -> None:
        self._array = array

    def __len__(self) -> int:
        return len(self._array)

    def __getitems__(self, indices: BatchIndices) -> NDArray[np.uint8]:
        return self._array[np.asarray(indices, dtype=np.int64)]


class ImageFiles(BatchedDataset[NDArray[np.uint8]]):
    """Image files that are decoded and prepared by several threads each time they are asked for.

    Args:
        samples: N samples.
        digests: Content digest of each, to notice a file that was replaced in the meantime.
        preprocessing: How they are prepared.
    """

    def __init__(
        self, samples: Sequence[Sample], digests: Sequence[str], preprocessing: Preprocessing
    ) -> None:
        self._samples, self._digests, self._preprocessing = samples, digests, preprocessing

    def __len__(self) -> int:
        return len(self._samples)

    def __getitems__(self, indices: BatchIndices) -> NDArray[np.uint8]:
        with workers() as pool:
            return np.stack(list(pool.map(self._prepare, indices)))

    def _prepare(self, index: int) -> NDArray[np.uint8]:
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


def read_ahead(images: PreparedImages, batches: Sequence[NDArray[np.int64]]) -> Iterator[NDArray[np.uint8]]:
    """Read batches one ahead of their use, so that decoding runs beside the network.

    Args:
        images: The images.
        batches: BatchIndices of each batch.

    Yields:
        (B, H, W, 3) uint8 for each batch in order.
    """
    with ThreadPoolExecutor(1) as pool:
        ahead: Future[NDArray[np.uint8]] | None = None
        for batch in batches:
            following = pool.submit(read_batch, images, batch)
            if ahead is not None:
                yield ahead.result()
            ahead = following
        if ahead is not None:
            yield ahead.result()
