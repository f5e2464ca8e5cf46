"""Data sets of prepared images: in memory, or decoded each time."""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from handshape.data.images.decode import Preprocessing, decode_image
from handshape.data.images.workers import workers
from handshape.data.sample import Sample
from handshape.errors import DataError

if TYPE_CHECKING:
    from torch.utils.data import Dataset, Subset
else:
    # Nobody who only predicts waits for torch, which takes any class with these methods as a data set.
    Dataset = Generic

BatchIndices = Sequence[int] | NDArray[np.int64]
Batch = TypeVar("Batch", bound=Any)


class BatchedDataset(Dataset[Batch]):
    """A data set that reads a whole batch at once, as an array whose first axis counts its items.

    torch's ``DataLoader`` and ``Subset`` use ``__getitems__`` if a data set has it.
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
        """Set the epoch, from 1; only data sets with augmentation depend on it."""


PreparedImages: TypeAlias = "BatchedDataset[NDArray[np.uint8]] | Subset[NDArray[np.uint8]]"
"""N images, each (H, W, 3) uint8 in RGB order, in the order of the samples."""


def read_batch(dataset: "BatchedDataset[Batch] | Subset[Batch]", indices: BatchIndices) -> Batch:
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
    """Image files that are decoded and prepared by several threads each time.

    Args:
        samples: N samples.
        digests: Content digest of each, to detect a file that was replaced.
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
                "photos that do not change during a run",
                "run the command again",
            )
        return self._preprocessing.prepare(decode_image(data)[0])


def content_digest(data: bytes) -> str:
    """Return a digest of a file's content, 32 hexadecimal digits."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def prefetch(images: PreparedImages, batches: Sequence[NDArray[np.int64]]) -> Iterator[NDArray[np.uint8]]:
    """Yield batches, (B, H, W, 3) uint8, decoding the next while the last is used."""
    with ThreadPoolExecutor(1) as pool:
        ahead: Future[NDArray[np.uint8]] | None = None
        for batch in batches:
            following = pool.submit(read_batch, images, batch)
            if ahead is not None:
                yield ahead.result()
            ahead = following
        if ahead is not None:
            yield ahead.result()
