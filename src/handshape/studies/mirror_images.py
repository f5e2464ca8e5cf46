"""Photos and their mirror images as two classes: 2 N rows, first those of the photos (class 0)."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from handshape.data.dataset import SPLITS, SplitIndices
from handshape.data.images import prepared
from handshape.data.images.index import ImageIndex
from handshape.models.heads import Head
from handshape.models.network_config import HeadConfig
from handshape.training.datasets import FeatureRows
from handshape.training.heads.lda import train_lda


class WithMirrorImages(prepared.BatchedDataset[NDArray[np.uint8]]):
    """N images, followed by their N mirror images.

    Args:
        images: N prepared images.
    """

    def __init__(self, images: prepared.PreparedImages) -> None:
        self._images = images

    def __len__(self) -> int:
        return 2 * len(self._images)

    def __getitems__(self, indices: prepared.BatchIndices) -> NDArray[np.uint8]:
        chosen = np.asarray(indices, dtype=np.int64)
        pixels = np.array(prepared.read_batch(self._images, chosen % len(self._images)))
        mirrored = chosen >= len(self._images)
        pixels[mirrored] = pixels[mirrored][:, :, ::-1]
        return pixels


def thumbnail_pairs(images: prepared.PreparedImages, size: int = 8) -> Tensor:
    """Return photos averaged to ``size`` x ``size`` pixels, (2 N, 3, size, size): no view of the fingers."""
    batches = (range(i, min(i + 256, len(images))) for i in range(0, len(images), 256))
    pixels = (torch.from_numpy(prepared.read_batch(images, batch)).permute(0, 3, 1, 2) for batch in batches)
    small = torch.cat([F.adaptive_avg_pool2d(batch.float(), size) for batch in pixels]) / 255
    return torch.cat([small, small.flip(3)])


def with_mirror_images(index: ImageIndex) -> ImageIndex:
    """Return N photos and their N mirror images as one data set of two labels."""
    labels = ("as taken", "mirrored")
    samples = tuple(replace(sample, label=label) for label in labels for sample in index.dataset.samples)
    # Mirror images need digests of their own, under which their views and features are cached.
    digests = (prepared.content_digest(f"{digest} mirrored".encode()) for digest in index.digests)
    dataset = replace(index.dataset, samples=samples, labels=labels)
    return ImageIndex(dataset, (*index.digests, *digests), index.stats * 2, WithMirrorImages(index.images))


def split_with_mirror_images(splits: SplitIndices, count: int) -> SplitIndices:
    """Return indices of N photos and of their mirror images, which are always in the same split."""
    return {name: np.concatenate([own, own + count]) for name, own in splits.items()}


def classify_by_lda(rows: Tensor, splits: SplitIndices) -> NDArray[np.bool_]:
    """Fit linear discriminant analysis on photos and mirror images, and test it.

    Args:
        rows: (2 N, ...) float32, N photos and their mirror images.
        splits: Indices of the photos in each part of the split.

    Returns:
        (2 n,) bool: whether each test photo, then each mirror image, is classified correctly.
    """
    count = len(rows) // 2
    both = split_with_mirror_images(splits, count)
    train, valid = ((FeatureRows(rows[both[name]]), both[name] // count) for name in SPLITS[:2])
    head = Head(rows[0].numel(), 2, HeadConfig("lda", None))
    train_lda(head, train, valid)
    with torch.inference_mode():
        predicted = head(rows[both["test"]]).argmax(dim=1).numpy()
    return np.asarray(predicted == both["test"] // count)
