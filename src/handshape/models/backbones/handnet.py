"""handnet: a small backbone of our own, pretrained on drawn hands and shipped inside the package."""

from pathlib import Path

import torch
from torch import Tensor, nn

from handshape.data.images.decode import Preprocessing
from handshape.models.backbones.bundled_weights import Packaged

HANDNET = "handnet"
HANDNET_WEIGHTS = Packaged(
    Path(__file__).with_name("handnet.safetensors"), "9b60af578d48c4a178e4e8ba887da11a"
)
"""Written by tools/pretrain_handnet.py, which prints the digest."""
HANDNET_PREPROCESSING = Preprocessing(224, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
HANDNET_WIDTH = 192
"""C, channels of its features."""

# Channels of each halving, and residual layers after it. Most of the work is done where the map is small.
_STAGES = ((32, 0), (64, 1), (128, 1), (HANDNET_WIDTH, 1))


class HandNet(nn.Module):
    """Seven plain 3 x 3 convolutions behind a halving, 224 pixels to (192, 7, 7).

    Half the resolution of the input costs a quarter of the work and still leaves a finger ten pixels wide.
    There is no normalisation layer: those of pretraining are folded into the convolutions, so that
    every runtime sees the same convolutions and biases.

    Args:
        normalised: Whether convolutions are followed by batch norm, as in pretraining.

    Source: residual layers after K. He and others, Deep Residual Learning (arXiv 1512.03385), one convolution
    each, as RepVGG has them in inference (X. Ding and others, arXiv 2101.03697).
    """

    def __init__(self, *, normalised: bool = False) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for channels, residual in _STAGES:
            layers.append(Layer(before, channels, 2, normalised))
            layers += [Layer(channels, channels, 1, normalised) for _ in range(residual)]
            before = channels
        self.shrink = nn.AvgPool2d(2)
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        """Return features.

        Args:
            images: (N, 3, H, W) float32, RGB, normalised with `HANDNET_PREPROCESSING`.

        Returns:
            (N, 192, H / 32, W / 32) float32, not negative.
        """
        features: Tensor = self.layers(self.shrink(images))
        return features


class Layer(nn.Module):
    """A convolution and ReLU; where neither size nor channels change, its input is added.

    Args:
        before: Channels of the input.
        channels: Channels of the output.
        stride: 2 halves the map.
        normalised: Whether batch norm follows the convolution.
    """

    def __init__(self, before: int, channels: int, stride: int, normalised: bool) -> None:
        super().__init__()
        self.residual = stride == 1 and before == channels
        self.conv = nn.Conv2d(before, channels, 3, stride, padding=1, bias=not normalised)
        nn.init.kaiming_normal_(self.conv.weight, nonlinearity="relu")
        self.norm = nn.BatchNorm2d(channels) if normalised else nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, channels, H / stride, W / stride) float32."""
        out = torch.relu(self.norm(self.conv(images)))
        return images + out if self.residual else out
