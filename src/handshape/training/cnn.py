"""Fit the lesson's CNN on prepared images."""

import torch

from handshape.data.dataset import SplitIndices
from handshape.data.images.decode import Preprocessing
from handshape.data.images.index import Scan
from handshape.models.cnn import CNN
from handshape.models.sign_network import NetworkConfig
from handshape.training.fit_result import FitResult
from handshape.training.inputs import ChosenImages, ImageInputs
from handshape.training.loop import LoopConfig, predict_logits, train_network


def new_cnn(labels: int, size: int = 224) -> CNN:
    """Make a CNN in channels-last memory, in which it trains twice as fast on a CPU.

    Args:
        labels: K.
        size: Height and width of its images in pixels.
    """
    return CNN(labels, size).to(memory_format=torch.channels_last)


def fit_cnn(
    scan: Scan, sides: SplitIndices, loop: LoopConfig, device: torch.device, *, size: int, mirrored: bool
) -> FitResult:
    """Train the CNN from scratch on one split.

    Args:
        scan: The data set with its prepared images.
        sides: Indices of the samples on each side.
        loop: Epochs, batch size and rates.
        device: Where it is trained.
        size: Height and width of the prepared images in pixels.
        mirrored: Whether the mirror images of the test photos are read, too.

    Returns:
        The trained network.
    """
    classes, labels, preprocessing = scan.dataset.classes, len(scan.dataset.labels), Preprocessing(size)
    chosen = {side: ChosenImages(scan.images, indices) for side, indices in sides.items()}
    feeds = {side: ImageInputs(images, preprocessing) for side, images in chosen.items()}
    network, history = train_network(
        lambda: new_cnn(labels, size),
        (feeds["train"], classes[sides["train"]]),
        (feeds["valid"], classes[sides["valid"]]),
        loop,
        device=device,
        what="Training the CNN",
    )
    judged: dict[str, ImageInputs] = {"valid": feeds["valid"], "test": feeds["test"]}
    if mirrored:
        judged["mirrored"] = ImageInputs(chosen["test"], preprocessing, mirrored=True)
    logits = {side: predict_logits(network, feed) for side, feed in judged.items()}
    config = NetworkConfig("cnn", labels, preprocessing)
    assert isinstance(network, CNN)
    return FitResult(network, config, history, logits, network.trained_parameters())
