"""Data sets that networks and heads are trained and evaluated on."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Subset

from handshape.data.images.decode import Preprocessing
from handshape.data.images.prepared import BatchedDataset, BatchIndices, PreparedImages, read_batch

if TYPE_CHECKING:
    from handshape.data.augment import Views  # imports scipy, which predictions do not need

# Rows of one block: enough for a matrix product to be worth its start.
BLOCK = 2048

Inputs = BatchedDataset[Tensor] | Subset[Tensor]
"""What a network is given: float32, one item for each sample."""


class NormalisedImages(BatchedDataset[Tensor]):
    """Prepared images as (3, H, W) float32, normalised for a network.

    Args:
        images: N prepared images.
        preprocessing: How they are normalised.
        mirrored: Whether each is turned into its mirror image.
    """

    def __init__(
        self, images: PreparedImages, preprocessing: Preprocessing, *, mirrored: bool = False
    ) -> None:
        self._images, self._preprocessing, self._mirrored = images, preprocessing, mirrored

    def __len__(self) -> int:
        return len(self._images)

    def __getitems__(self, indices: BatchIndices) -> Tensor:
        batch = torch.from_numpy(read_batch(self._images, indices))
        return self._preprocessing.normalise(batch.flip(2) if self._mirrored else batch)


class AugmentedImages(BatchedDataset[Tensor]):
    """A new augmented view of each prepared image in every epoch, as (3, H, W) float32, normalised.

    Args:
        images: N prepared images.
        digests: Their content digests, which the views are drawn from.
        views: How views are made.
        preprocessing: How they are normalised.
    """

    def __init__(
        self, images: PreparedImages, digests: Sequence[str], views: "Views", preprocessing: Preprocessing
    ) -> None:
        self._images, self._digests, self._views = images, digests, views
        self._preprocessing, self._view = preprocessing, 1

    def __len__(self) -> int:
        return len(self._images)

    def set_epoch(self, epoch: int) -> None:
        """Show the view with the number of the epoch."""
        self._view = epoch

    def __getitems__(self, indices: BatchIndices) -> Tensor:
        batch = torch.from_numpy(read_batch(self._images, indices))
        seen = self._views.apply(batch, [self._digests[i] for i in indices], self._view)
        return self._preprocessing.normalise(seen)


FeaturePart = tuple[NDArray[Any], NDArray[np.int64]]
"""(M, ...) features as they are stored, in memory or in a file, and the (N,) rows of them that are used."""


class FeatureRows(BatchedDataset[Tensor]):
    """Features that stay as they are stored, usually in float16, and are read as float32.

    Args:
        parts: One after another; arrays and tensors stand for all of their rows.
    """

    def __init__(self, *parts: FeaturePart | NDArray[Any] | Tensor) -> None:
        self.parts = tuple(part if isinstance(part, tuple) else _whole(part) for part in parts)
        self._shape = self.parts[0][0].shape[1:]
        self.width = int(np.prod(self._shape))

    def __len__(self) -> int:
        return sum(len(rows) for _, rows in self.parts)

    def __getitems__(self, indices: BatchIndices) -> Tensor:
        asked, start = np.asarray(indices, dtype=np.int64), 0
        found = np.empty((len(asked), *self._shape), dtype=np.float32)
        for stored, rows in self.parts:
            here = (asked >= start) & (asked < start + len(rows))
            found[here] = stored[rows[asked[here] - start]]
            start += len(rows)
        return torch.from_numpy(found)

    def read(self) -> Tensor:
        """Return all rows, (N, D) float32."""
        return read_batch(self, np.arange(len(self))).flatten(1)

    def blocks(self) -> Iterator[tuple[slice, Tensor]]:
        """Yield where each block is among the rows, and its (B, D) float32 features."""
        for start in range(0, len(self), BLOCK):
            place = slice(start, min(start + BLOCK, len(self)))
            yield place, read_batch(self, np.arange(place.start, place.stop)).flatten(1)


LabelledFeatures = tuple[FeatureRows, NDArray[np.int64]]
"""N rows of features and their (N,) classes."""


def _whole(stored: NDArray[Any] | Tensor) -> FeaturePart:
    return np.asarray(stored), np.arange(len(stored))


class RandomViews(BatchedDataset[Tensor]):
    """The features of one stored view of each photo, drawn anew in every epoch.

    Args:
        views: V times (N, ...) float16 features of the N photos.
        seed: Fixes what is drawn.
    """

    def __init__(self, views: Sequence[NDArray[np.float16]], seed: int) -> None:
        self._rows, self._count, self._seed = FeatureRows(*views), len(views[0]), seed
        self.set_epoch(1)

    def __len__(self) -> int:
        return self._count

    def set_epoch(self, epoch: int) -> None:
        """Draw the views of an epoch."""
        chance = np.random.default_rng([self._seed, epoch, 1])
        views = chance.integers(0, len(self._rows) // self._count, self._count)
        self._chosen = views * self._count + np.arange(self._count)

    def __getitems__(self, indices: BatchIndices) -> Tensor:
        return read_batch(self._rows, self._chosen[np.asarray(indices)])


class Labelled(Dataset[tuple[Tensor, Tensor]]):
    """Inputs of a network with their targets.

    Args:
        inputs: N inputs.
        targets: (N,) int64 classes, or N tensors.
    """

    def __init__(self, inputs: Inputs, targets: NDArray[np.int64] | Inputs) -> None:
        self.inputs = inputs
        self._targets = torch.from_numpy(targets) if isinstance(targets, np.ndarray) else targets

    def __len__(self) -> int:
        return len(self.inputs)

    def set_epoch(self, epoch: int) -> None:
        """Choose what the inputs show in an epoch."""
        if isinstance(self.inputs, BatchedDataset):
            self.inputs.set_epoch(epoch)

    def __getitems__(self, indices: BatchIndices) -> tuple[Tensor, Tensor]:
        some = self._targets
        targets = some[indices] if isinstance(some, Tensor) else read_batch(some, indices)
        return read_batch(self.inputs, indices), targets

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        inputs, targets = self.__getitems__([index])
        return inputs[0], targets[0]
