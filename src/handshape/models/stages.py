"""The stages of a network as modules that are exported: image to features, and these to probabilities."""

from pathlib import Path

import torch
from torch import Tensor, nn

from handshape.data.images.decode import Preprocessing
from handshape.inference.graphs import graph_of
from handshape.models.hand.hand_finder import HAND_WIDTH
from handshape.models.network_config import NetworkConfig
from handshape.models.onnx_head import OnnxHead
from handshape.models.sign_network import BackboneClassifier, SignNetwork


class ImageStage(nn.Module):
    """Normalises images and computes their features.

    Args:
        network: From (N, 3, H, W) normalised images to features.
        preprocessing: What its images go through.
    """

    def __init__(self, network: nn.Module, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.network, self.preprocessing = network, preprocessing

    def forward(self, images: Tensor) -> Tensor:
        """Return features of (N, H, W, 3) float32 prepared images in [0, 255]."""
        features: Tensor = self.network(self.preprocessing.normalise(images))
        return features


class HeadStage(nn.Module):
    """Classifies what the other stages found.

    Args:
        network: The whole network.
        temperature: Divides the logits before the softmax.
    """

    def __init__(self, network: SignNetwork, temperature: float) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("temperature", torch.tensor(temperature))

    temperature: Tensor

    def forward(
        self,
        features: Tensor | None = None,
        hands: Tensor | None = None,
        right_hand: Tensor | None = None,
    ) -> Tensor:
        """Return (N, K) probabilities."""
        none = torch.zeros(0)
        given = (none if one is None else one for one in (features, hands, right_hand))
        return torch.softmax(self.network.from_features(*given) / self.temperature, dim=1)


def image_graph(network: nn.Module, preprocessing: Preprocessing, cache: Path) -> bytes:
    """Return the graph from ``images``, (N, S, S, 3) float32 in [0, 255], to ``features``.

    Args:
        network: From (N, 3, S, S) normalised images to features; in evaluation mode, on the CPU.
        preprocessing: What its images go through.
        cache: The cache folder.

    Raises:
        ExportError: The network has a layer that cannot be exported.
    """
    example = torch.zeros(2, preprocessing.size, preprocessing.size, 3)
    stage = ImageStage(network, preprocessing).eval()
    return graph_of(stage, {"images": example}, ["features"], cache)


def head_graph(network: SignNetwork, config: NetworkConfig, temperature: float, cache: Path) -> bytes:
    """Return the graph from ``features``, ``hands`` and ``right_hand`` to ``probabilities``.

    It takes what the network uses of these: see `SignNetwork.from_features`.

    Args:
        network: The whole network, in evaluation mode, on the CPU.
        config: Its description.
        temperature: Divides the logits before the softmax.
        cache: The cache folder.
    """
    inputs, image, size = {}, network.image_network, config.preprocessing.size
    if isinstance(network, BackboneClassifier) and isinstance(network.head, OnnxHead):
        assert network.feature_shape is not None
        shape = (network.feature_shape[0], *network.pool.side)
        return network.head.stage(shape, config.labels, temperature)
    if image is not None:
        with torch.inference_mode():
            inputs["features"] = image(torch.zeros(2, 3, size, size)).clone()
    if network.uses_hand:
        inputs["hands"] = torch.rand(2, HAND_WIDTH)
    if network.uses_hand and image is not None:
        inputs["right_hand"] = torch.tensor([True, False])
    return graph_of(
        HeadStage(network, temperature).eval(),
        inputs,
        ["probabilities"],
        cache,
        labels=config.labels,
        # Not the numbers of labels and handshapes: only the weights' shapes depend on them.
        architecture=f"{type(network).__name__} {config.feature_shape} {config.head}",
    )
