"""Photos and their classes as a data set of torch."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from PIL import Image
from torch.utils.data import Dataset

from handshape.data.images.decode import Preprocessing, pixels_of
from handshape.data.sample import Sample


class TorchPairs(Dataset[tuple[Any, int]]):
    """Pairs of an image and its class, read when they are asked for.

    Args:
        samples: N samples.
        classes: N classes.
        transform: Makes what torch gets of an image; None for a (3, size, size) float32 tensor in [0, 1].
        size: Height and width of such a tensor, pixels.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        classes: Sequence[int],
        transform: Callable[[Image.Image], Any] | None,
        size: int,
    ) -> None:
        self._samples, self._classes = samples, classes
        self._transform, self._preprocessing = transform, Preprocessing(size)

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        """Return one image and its class."""
        image = self._samples[index].image()
        if self._transform is not None:
            return self._transform(image), self._classes[index]
        prepared = self._preprocessing.prepare(pixels_of(image))
        return self._preprocessing.normalise(torch.from_numpy(prepared.copy())[None])[0], self._classes[index]
