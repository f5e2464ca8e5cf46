"""Two readers in one network: one that knows its photos' own rooms, and one for all others."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from handshape.models.head import Head, HeadConfig, Pool

ROOMS_HEAD = HeadConfig("linear", pool=1, scaling="feature")
"""What reads features that are averaged over all places, as they are."""

# How suddenly photos become unfamiliar: at twice the bound next to nothing is left.
_STEEP = 5.0
# No glance leaves a label less likely than this.
_LEAST = 1e-9


@dataclass(frozen=True)
class RoomsConfig:
    """How the reader for other rooms looks at a photo.

    Args:
        size: Height and width that the photo is reduced to, pixels.
        glance: Height and width of a glance: the whole photo at this size, its corners and its middle.
        feature_shape: (C, h, w) of its backbone's features of a glance, which are averaged over all places.
    """

    size: int
    glance: int
    feature_shape: tuple[int, int, int]


class RoomReader(nn.Module):
    """Reads a photo at six glances, and averages what it takes each for.

    Args:
        backbone: Tuned on scenes.
        head: On features averaged over all places.
        config: Sizes.

    Source: Krizhevsky et al., ImageNet Classification with Deep Convolutional Neural Networks, NIPS 2012, 4.1
    (averaging over the corners and the middle).
    """

    def __init__(self, backbone: nn.Module, head: Head, config: RoomsConfig) -> None:
        super().__init__()
        self.backbone, self.head, self._config = backbone, head, config
        self.pool = Pool(1, *config.feature_shape[1:])

    def glances(self, images: Tensor) -> Iterator[Tensor]:
        """Yield (N, C) float32 features of one glance after another at (N, 3, H, W) normalised images."""
        size, side = self._config.size, self._config.glance
        reduced = F.interpolate(images, (size, size), mode="bilinear", align_corners=False)
        whole = F.interpolate(images, (side, side), mode="bilinear", align_corners=False)
        edge, middle = size - side, (size - side) // 2
        places = [(0, 0), (0, edge), (edge, 0), (edge, edge), (middle, middle)]
        parts = [reduced[:, :, top : top + side, left : left + side] for top, left in places]
        # One after another: all at once they would no longer fit into what the allocator keeps.
        for glance in (whole, *parts):
            yield torch.flatten(self.pool(self.backbone(glance)), 1)

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, K) float32 logarithms of probabilities of (N, 3, H, W) normalised images."""
        answers = [self.head(features).softmax(dim=1) for features in self.glances(images)]
        likely = torch.stack(answers).mean(dim=0)
        return likely.clamp(min=_LEAST).log()


class Weighing(nn.Module):
    """Puts the answers of two readers together.

    Of a photo that is not familiar the second reader decides alone; of one that is, both count by the weights
    that they have earned on photos like those learned from.

    Args:
        own: Weight of the reader of familiar photos.
        other: Weight of the other one on familiar photos.
    """

    def __init__(self, own: float = 1.0, other: float = 1.0) -> None:
        super().__init__()
        self.register_buffer("own", torch.tensor(own))
        self.register_buffer("other", torch.tensor(other))

    own: Tensor
    other: Tensor

    def forward(self, share: Tensor, own: Tensor, other: Tensor) -> Tensor:
        """Return (N, K) logits.

        Args:
            share: (N,) float32 in [0, 1], how familiar each photo is.
            own: (N, K) float32 logits of the reader of familiar photos.
            other: (N, K) float32 logits of the reader of all others.
        """
        share = share[:, None]
        return share * self.own * own + (1 - share * (1 - self.other)) * other


class Familiarity(nn.Module):
    """Tells photos like those that were learned from, from all others.

    Args:
        width: C, number of features averaged over all places.
        labels: K.

    Source: Lee et al., A Simple Unified Framework for Detecting Out-of-Distribution Samples and Adversarial
    Attacks, NeurIPS 2018 (the distance to the nearest class in the metric that all classes share).
    """

    def __init__(self, width: int, labels: int) -> None:
        super().__init__()
        self.register_buffer("whiten", torch.zeros(width, width))
        self.register_buffer("centres", torch.zeros(labels, width))
        self.register_buffer("bound", torch.ones(()))

    whiten: Tensor
    centres: Tensor
    bound: Tensor

    def distances(self, features: Tensor) -> Tensor:
        """Return (N,) float32, squared distances of (N, C, h, w) float32 features to the nearest class."""
        white = features.mean(dim=(2, 3)) @ self.whiten
        return (white[:, None] - self.centres).square().sum(dim=2).amin(dim=1)

    def forward(self, features: Tensor) -> Tensor:
        """Return (N,) float32 in [0, 1]: 1 for photos like those learned from."""
        return torch.sigmoid(_STEEP * torch.log(self.bound / self.distances(features).clamp(min=1e-6)))
