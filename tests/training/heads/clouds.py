"""Gaussian clouds of features, one for each label."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from handshape.models.heads import Head
from handshape.training.datasets import FeatureRows, LabelledFeatures

Cloud = tuple[Tensor, NDArray[np.int64]]


def clouds(count: int, width: int, labels: int = 3, *, apart: float = 1.0, seed: int = 0) -> Cloud:
    """Gaussian clouds, one a label; the centres are the same for every seed."""
    centres = torch.randn(labels, width, generator=torch.Generator().manual_seed(99)) * apart
    classes = np.arange(count) % labels
    noise = torch.randn(count, width, generator=torch.Generator().manual_seed(seed))
    return noise + centres[torch.from_numpy(classes)], classes.astype(np.int64)


def rows_of(cloud: Cloud) -> LabelledFeatures:
    """Features and classes as heads are fitted to them."""
    return FeatureRows(cloud[0]), cloud[1]


def predicted(head: Head, cloud: Cloud) -> NDArray[np.int64]:
    """The most probable class of each row."""
    with torch.inference_mode():
        classes: NDArray[np.int64] = head(cloud[0]).argmax(dim=1).numpy()
    return classes
