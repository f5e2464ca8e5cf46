"""Heads: what is trained on the features of a frozen backbone."""

import torch
from torch import Tensor, nn

from handshape.errors import ShapeError
from handshape.models.network_config import HeadConfig

# MKL, in torch, chooses its code for functions such as sqrt and cos at the first call. Where two threads made
# that call at once, half of the results had half of their digits, in one of 1,500 processes. So it is
# made here, by the one thread that imports.
torch.exp(torch.ones(1))

_IN_CACHE = 32
_LARGEST = 65504.0  # of float16; beyond it there is only infinity


class Pool(nn.Module):
    """Average features over a grid of places, then round to float16 as the cache does.

    The same averaging as torch's adaptive pooling, written as two matrix products so that every runtime
    computes it alike. Rounding here too makes an image's features the same by every road.

    Args:
        side: Places along each axis afterwards; ``None`` or more than there are keeps the features' own.
        height: h of the features that come in.
        width: w of the features that come in.
    """

    def __init__(self, side: int | None, height: int, width: int) -> None:
        super().__init__()
        self.side = (min(side or height, height), min(side or width, width))
        self.register_buffer("rows", _averages(height, self.side[0]), persistent=False)
        self.register_buffer("columns", _averages(width, self.side[1]).T.contiguous(), persistent=False)

    rows: Tensor
    columns: Tensor

    def forward(self, features: Tensor) -> Tensor:
        """Return (N, C, p, p) float32 with float16 precision from (N, C, h, w) float32."""
        if self.side != (self.rows.shape[1], self.columns.shape[0]):
            features = torch.matmul(torch.matmul(self.rows, features), self.columns)
        rounded = features.clamp(-_LARGEST, _LARGEST).half().float()
        if self.training and features.requires_grad:
            # Rounded forwards only: backwards, small gradients would be lost in float16.
            return _sloped(rounded, features)
        return rounded


class Head(nn.Module):
    """Scale features and classify them.

    Args:
        width: D, number of features of one image after pooling.
        labels: K.
        config: The head's shape.
    """

    def __init__(self, width: int, labels: int, config: HeadConfig) -> None:
        super().__init__()
        self.width, self._scaling = width, config.scaling
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))
        if config.kind != "mlp":
            self.layers: nn.Module = nn.Linear(width, labels)
        else:
            self.layers = nn.Sequential(
                nn.Linear(width, config.hidden), nn.ReLU(), nn.Linear(config.hidden, labels)
            )

    mean: Tensor
    scale: Tensor

    def scale_by(self, features: Tensor) -> None:
        """Take mean and scale from training features.

        Args:
            features: (N, D) float32.
        """
        rooted = self.rooted(features)
        # A few photos at a time, which stay in the caches, and from the first one on: so a feature that never
        # changes has no deviation at all.
        parts = torch.split(rooted, _IN_CACHE)
        sums = torch.stack([(some - rooted[0]).sum(dim=0) for some in parts])
        mean = rooted[0] + sums.sum(dim=0) / len(rooted)
        squares = torch.stack([(some - mean).square_().sum(dim=0) for some in parts])
        deviation = (squares.sum(dim=0) / len(rooted)).sqrt()
        self.scale_to(mean, deviation)

    def scale_to(self, mean: Tensor, deviation: Tensor) -> None:
        """Take mean and scale from the statistics of training features.

        Args:
            mean: (D,) float32, of the features as `rooted` gives them.
            deviation: (D,) float32, their standard deviation.
        """
        if self._scaling == "root":
            deviation = deviation.square().mean().sqrt().expand_as(deviation)
        # A constant feature carries no information; dividing by its deviation would blow up rounding.
        self.mean.copy_(mean)
        self.scale.copy_(torch.where(deviation > 1e-6, 1 / deviation.clamp(min=1e-6), 0.0))

    def scaled(self, features: Tensor) -> Tensor:
        """Return (N, D) float32 scaled features."""
        return (self.rooted(torch.flatten(features, 1)) - self.mean).mul_(self.scale)

    def rooted(self, features: Tensor) -> Tensor:
        """Return (N, D) features, or their signed square roots with root scaling."""
        if self._scaling != "root":
            return features
        # The features of some backbones have a sign, which stays.
        roots = features.abs().sqrt()
        if self.training and features.requires_grad:
            # The slope of the root has no end at 0, where most features of a ReLU are; it is held to that at
            # a tenth of the features' own deviation.
            least = 0.1 / self.scale.clamp(min=1e-6)
            slope = 0.5 / torch.maximum(roots.detach(), least)
            return _sloped(features.sign() * roots, features * slope)
        return features.sign() * roots

    def forward(self, features: Tensor) -> Tensor:
        """Return logits.

        Args:
            features: (N, C, p, p) or (N, D) float32.

        Returns:
            (N, K) float32.

        Raises:
            ShapeError: The features are not D numbers for each image.
        """
        if features[0].numel() != self.width:
            raise ShapeError(
                f"features of shape {tuple(features.shape)}",
                f"{self.width} numbers for each image",
                "pool alike",
            )
        logits: Tensor = self.layers(self.scaled(features))
        return logits


def _sloped(value: Tensor, like: Tensor) -> Tensor:
    """Return a value, to the bit, with the gradients of something else."""
    return value.detach() + (like - like.detach())


def _averages(before: int, after: int) -> Tensor:
    """Return the (after, before) matrix of adaptive average pooling along one axis."""
    matrix = torch.zeros(after, before)
    for row in range(after):
        start, end = row * before // after, -(-(row + 1) * before // after)
        matrix[row, start:end] = 1 / (end - start)
    return matrix
