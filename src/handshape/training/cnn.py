"""Train the lesson's CNN on prepared images."""

from collections.abc import Callable

import torch
from torch.utils.data import Subset

from handshape.data.dataset import SplitIndices
from handshape.data.images.decode import Preprocessing
from handshape.data.images.index import ImageIndex
from handshape.models.cnn import CNN
from handshape.models.network_config import NetworkConfig
from handshape.training.checkpoint import Checkpoint
from handshape.training.datasets import NormalisedImages
from handshape.training.fit_result import FitResult
from handshape.training.history import Epoch
from handshape.training.loop import LoopConfig, train_network
from handshape.training.predict import predict_logits


def new_cnn(labels: int, size: int = 224) -> CNN:
    """Make a CNN in channels-last memory, in which it trains twice as fast on a CPU."""
    return CNN(labels, size).to(memory_format=torch.channels_last)


def fit_cnn(
    index: ImageIndex,
    splits: SplitIndices,
    loop: LoopConfig,
    device: torch.device,
    *,
    size: int,
    mirrored: bool,
    keeper: Checkpoint | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> FitResult:
    """Train the CNN from scratch on one split.

    Args:
        index: The data set with its prepared images.
        splits: Indices of the samples in each split.
        loop: Epochs, batch size and rates.
        device: Where it is trained.
        size: Height and width of the prepared images in pixels.
        mirrored: Whether the mirror images of the test photos are classified, too.
        keeper: Keeps the state after every epoch; training continues from what it holds.
        on_epoch: Called after every epoch.

    Returns:
        The trained network.
    """
    classes, labels, preprocessing = index.dataset.classes, len(index.dataset.labels), Preprocessing(size)
    chosen = {name: Subset(index.images, indices.tolist()) for name, indices in splits.items()}
    inputs = {name: NormalisedImages(images, preprocessing) for name, images in chosen.items()}
    network, history = train_network(
        lambda: new_cnn(labels, size),
        (inputs["train"], classes[splits["train"]]),
        (inputs["valid"], classes[splits["valid"]]),
        loop,
        device=device,
        what="Training the CNN",
        keeper=keeper,
        on_epoch=on_epoch,
    )
    tested: dict[str, NormalisedImages] = {"valid": inputs["valid"], "test": inputs["test"]}
    if mirrored:
        tested["mirrored"] = NormalisedImages(chosen["test"], preprocessing, mirrored=True)
    logits = {name: predict_logits(network, images) for name, images in tested.items()}
    config = NetworkConfig("cnn", labels, preprocessing)
    return FitResult(network, config, history, logits, network.trained_parameters())
