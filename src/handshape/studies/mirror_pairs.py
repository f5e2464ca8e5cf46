"""Photos and their mirror images as two classes: what each model makes of them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from handshape.data.augment import MIRRORED
from handshape.data.dataset import SPLITS, SplitIndices
from handshape.data.images.decode import Preprocessing
from handshape.data.images.prepared import BatchedDataset, BatchIndices, PreparedImages, read_batch
from handshape.data.splits.leave_one_group_out import leave_one_signer_out
from handshape.evaluation.intervals.accuracy import accuracy_interval, mean_over_groups_interval
from handshape.models.cnn import CNN
from handshape.models.heads import Head, HeadConfig
from handshape.studies.material import Material
from handshape.training.checkpoint import Checkpoint
from handshape.training.datasets import FeatureRows
from handshape.training.heads.lda import train_lda
from handshape.training.history import Epoch
from handshape.training.loop import LoopConfig, train_network
from handshape.training.predict import predict_logits

Correct = NDArray[np.bool_]
"""(2 n,) bool: whether each test photo, and then whether each mirror image of them, was told right."""


@dataclass(frozen=True)
class Both:
    """Inputs of a head for N photos and for their mirror images.

    Args:
        plain: (N, ...) float32.
        mirrored: (N, ...) float32.
    """

    plain: Tensor
    mirrored: Tensor

    def side(self, indices: NDArray[np.int64]) -> tuple[Tensor, NDArray[np.int64]]:
        """Return the (2 n, ...) inputs of n photos and of their mirror images, and the classes 0 and 1."""
        inputs = torch.cat([self.plain[indices], self.mirrored[indices]])
        return inputs, np.repeat(np.arange(2), len(indices))


def frozen_features(material: Material, places: int) -> Both:
    """Return the frozen backbone's features of all photos and mirror images, averaged to p x p places."""
    both = (material.features(places, view=view).astype(np.float32) for view in (0, MIRRORED))
    plain, mirrored = map(torch.from_numpy, both)
    return Both(plain, mirrored)


def thumbnails(images: PreparedImages, side: int = 8) -> Both:
    """Return photos at ``side`` x ``side`` pixels: where the light comes from, and where the hand is."""
    return _shrunk(images, side, lambda small: small)


def borders(images: PreparedImages, side: int = 28) -> Both:
    """Return the outermost of ``side`` x ``side`` cells only: what frames and watermarks give away."""
    ring = torch.ones(side, side, dtype=torch.bool)
    ring[1:-1, 1:-1] = False
    return _shrunk(images, side, lambda small: small[:, :, ring])


def _shrunk(images: PreparedImages, side: int, pick: Callable[[Tensor], Tensor]) -> Both:
    small = []
    for start in range(0, len(images), 256):
        pixels = read_batch(images, range(start, min(start + 256, len(images))))
        small.append(F.adaptive_avg_pool2d(torch.from_numpy(pixels).permute(0, 3, 1, 2).float(), side))
    plain = torch.cat(small) / 255
    return Both(pick(plain), pick(plain.flip(3)))


def tell_by_head(both: Both, sides: SplitIndices) -> tuple[Correct, Head]:
    """Train discriminant analysis on photos and mirror images, and try it on those of the test side.

    Args:
        both: Inputs of N photos.
        sides: BatchIndices of the photos on each side: a mirror image is always beside its photo.

    Returns:
        What it told right, and the head.
    """
    train, valid, test = (both.side(sides[side]) for side in SPLITS)
    head = Head(train[0][0].numel(), 2, HeadConfig("lda", None))
    train_lda(head, (FeatureRows(train[0]), train[1]), (FeatureRows(valid[0]), valid[1]))
    with torch.inference_mode():
        told = head(test[0]).argmax(dim=1).numpy()
    return told == test[1], head


class PairImages(BatchedDataset[Tensor]):
    """Photos and then their mirror images, as inputs of a network.

    Args:
        images: All prepared images.
        indices: (n,) which of them.
        preprocessing: Of the network.
    """

    def __init__(
        self, images: PreparedImages, indices: NDArray[np.int64], preprocessing: Preprocessing
    ) -> None:
        self._images, self._indices, self._preprocessing = images, indices, preprocessing

    def __len__(self) -> int:
        return 2 * len(self._indices)

    def __getitems__(self, indices: BatchIndices) -> Tensor:
        indices = np.asarray(indices)  # from n on they are mirror images
        count = len(self._indices)
        batch = torch.from_numpy(read_batch(self._images, self._indices[indices % count]))
        turned = torch.from_numpy(indices >= count)
        batch[turned] = batch[turned].flip(2)
        return self._preprocessing.normalise(batch)


def tell_by_cnn(
    material: Material, loop: LoopConfig, sides: SplitIndices, keeper: Checkpoint
) -> tuple[Correct, list[Epoch]]:
    """Train the lesson's CNN on photos and mirror images, and try it on those of the test side.

    Args:
        material: The photos.
        loop: Epochs, batch size and rates.
        sides: BatchIndices of the photos on each side.
        keeper: Keeps the training.

    Returns:
        What it told right, and the history.
    """
    preprocessing = Preprocessing(material.backbone.preprocessing.size)
    feeds = {
        side: PairImages(material.survey.indexed.images, indices, preprocessing)
        for side, indices in sides.items()
    }
    classes = {side: np.repeat(np.arange(2), len(indices)) for side, indices in sides.items()}
    network, history = train_network(
        lambda: CNN(2, preprocessing.size).to(memory_format=torch.channels_last),
        (feeds["train"], classes["train"]),
        (feeds["valid"], classes["valid"]),
        loop,
        device=material.device,
        what="Training the CNN",
        keeper=keeper,
    )
    told = predict_logits(network, feeds["test"]).argmax(dim=1).numpy()
    return told == classes["test"], history


def figures_on_split(material: Material, correct: Correct, began: float) -> dict[str, Any]:
    """Return accuracy and interval on the test side; a photo and its mirror image are never independent."""
    test = material.sides["test"]
    signers = [material.signers[i] for i in test]
    bursts = material.survey.bursts[test]
    interval = accuracy_interval(correct, signers * 2, np.tile(bursts, 2))
    return {
        "test_accuracy": float(correct.mean()),
        "test_interval": interval.pair,
        "interval": interval,
        "seconds": time.perf_counter() - began,
    }


def figures_over_folds(material: Material, tell: Callable[[str, SplitIndices], Correct]) -> dict[str, Any]:
    """Leave each signer out once and return the mean of their accuracies with its interval.

    Args:
        material: Photos of at least three signers.
        tell: Trains on given sides and tries itself on the test side; also told who is left out.
    """
    began = time.perf_counter()
    correct, who, accuracies = [], [], {}
    for signer, sides in leave_one_signer_out(material.survey.split.dataset).folds.items():
        right = tell(signer, sides)
        correct.append(right)
        who += [signer] * len(right)
        accuracies[signer] = float(right.mean())
    interval = mean_over_groups_interval(np.concatenate(correct), who)
    mean = float(np.mean(list(accuracies.values())))
    return {
        "mean": mean,
        "interval": interval,
        "signers": accuracies,
        "seconds": time.perf_counter() - began,
    }
