"""What networks are fed while they are trained and judged: batches by index."""

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from handshape.data.images.decode import Preprocessing
from handshape.data.images.prepared import Images, Indices


class Inputs(Protocol):
    """What a network is fed, by index."""

    def __len__(self) -> int:
        """Return N."""
        ...

    def take(self, indices: NDArray[np.int64]) -> Tensor:
        """Return a float32 batch for B indices."""
        ...


class ChosenImages:
    """Some of the images, in an order of their own.

    Args:
        images: M prepared images.
        indices: (N,) int64, which of them.
    """

    def __init__(self, images: Images, indices: NDArray[np.int64]) -> None:
        self._images, self._indices = images, indices

    def __len__(self) -> int:
        return len(self._indices)

    def take(self, indices: Indices) -> NDArray[np.uint8]:
        """Return the images at B indices: (B, H, W, 3) uint8, RGB."""
        return self._images.take(self._indices[np.asarray(indices)])


class ImageInputs:
    """Prepared images, normalised.

    Args:
        images: N prepared images.
        preprocessing: How they are normalised.
        mirrored: Whether each is turned into its mirror image.
    """

    def __init__(self, images: Images, preprocessing: Preprocessing, *, mirrored: bool = False) -> None:
        self._images, self._preprocessing, self._mirrored = images, preprocessing, mirrored

    def __len__(self) -> int:
        return len(self._images)

    def take(self, indices: NDArray[np.int64]) -> Tensor:
        """Return (B, 3, H, W) float32."""
        batch = torch.from_numpy(self._images.take(indices))
        return self._preprocessing.normalise(batch.flip(2) if self._mirrored else batch)


class FeatureInputs:
    """Stored features: one tensor, indexed.

    Args:
        features: (N, ...) float32.
    """

    def __init__(self, features: Tensor) -> None:
        self._features = features

    def __len__(self) -> int:
        return len(self._features)

    def take(self, indices: NDArray[np.int64]) -> Tensor:
        """Return (B, ...) float32."""
        return self._features.index_select(0, torch.from_numpy(np.asarray(indices)))
