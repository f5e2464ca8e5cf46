"""What a network is fed while it is tuned: another view of each photo in every epoch."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from handshape.data.augment import Views
from handshape.data.images.decode import Preprocessing
from handshape.data.images.prepared import Images


class ViewInputs:
    """A fresh view of each photo, made when it is asked for.

    Args:
        images: N prepared images.
        digests: Their content digests.
        views: How views are made.
        preprocessing: How they are normalised.
        view: Number of the view.
    """

    def __init__(
        self, images: Images, digests: Sequence[str], views: Views, preprocessing: Preprocessing, view: int
    ) -> None:
        self._images, self._digests, self._views = images, digests, views
        self._preprocessing, self._view = preprocessing, view

    def __len__(self) -> int:
        return len(self._images)

    def take(self, indices: NDArray[np.int64]) -> Tensor:
        """Return (B, 3, H, W) float32."""
        batch = torch.from_numpy(self._images.take(indices))
        seen = self._views.apply(batch, [self._digests[i] for i in indices], self._view)
        return self._preprocessing.normalise(seen)


class TrunkInputs:
    """What a frozen trunk made of the photo itself or of one of its stored views.

    Args:
        stored: (N, ...) float16 of the photos, and the same of each view.
        chosen: (N,) int64, which of them is shown of each photo.
    """

    def __init__(self, stored: Sequence[NDArray[np.float16]], chosen: NDArray[np.int64]) -> None:
        self._stored, self._chosen = stored, chosen

    def __len__(self) -> int:
        return len(self._chosen)

    def take(self, indices: NDArray[np.int64]) -> Tensor:
        """Return (B, ...) float32."""
        rows = [self._stored[self._chosen[i]][i] for i in indices]
        return torch.from_numpy(np.stack(rows).astype(np.float32))
