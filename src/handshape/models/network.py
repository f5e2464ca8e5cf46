"""A whole network from a short description, so that a bundle holds numbers and no code."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from handshape.data.images.decode import Preprocessing
from handshape.models.backbones.registry import empty_backbone
from handshape.models.cnn import CNN
from handshape.models.combined import Familiarity, HandReader, Weighing, shown
from handshape.models.hand import hand_finder as landmarks
from handshape.models.hand.pose_classifier import HandHead
from handshape.models.heads import Head, HeadConfig, Pool


@dataclass(frozen=True)
class NetworkConfig:
    """What a network is made of.

    Args:
        model: ``cnn``: the lesson's network; ``frozen``: a backbone with a head; ``finetune``: the same, the
            backbone tuned too.
        labels: K.
        preprocessing: What its images go through.
        backbone: Name of the backbone, for all but ``cnn``.
        feature_shape: (C, h, w) of the backbone's features, for all but ``cnn``.
        head: Shape of the head, for all but ``cnn``.
        hands: Whether a reader looks at the hand alone: beside the backbone, for rooms never seen, or, where
            that is the backbone of landmarks, in its place.
    """

    model: Literal["cnn", "frozen", "finetune"]
    labels: int
    preprocessing: Preprocessing
    backbone: str | None = None
    feature_shape: tuple[int, int, int] | None = None
    head: HeadConfig | None = None
    hands: bool = False


class FrozenNetwork(nn.Module):
    """A backbone, pooling and a head as one network.

    Args:
        backbone: The backbone.
        pool: What lies between the two.
        head: What is trained on the pooled features.
    """

    def __init__(self, backbone: nn.Module, pool: Pool, head: Head) -> None:
        super().__init__()
        self.backbone, self.pool, self.head = backbone, pool, head

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, K) logits of (N, 3, H, W) normalised images."""
        logits: Tensor = self.head(self.pool(self.backbone(images)))
        return logits


class HandsNetwork(FrozenNetwork):
    """A backbone of landmarks with its head; a photo without a hand says how often each label shows none.

    Args:
        backbone: The backbone of landmarks.
        pool: What lies between it and the head.
        head: What is trained on landmarks.
    """

    def __init__(self, backbone: nn.Module, pool: Pool, head: HandHead) -> None:
        super().__init__(backbone, pool, head)
        self.register_buffer("found", torch.zeros(head.labels))
        self.register_buffer("missed", torch.zeros(head.labels))

    found: Tensor
    """(K,) logarithm of how likely a hand of each label is found."""
    missed: Tensor
    """(K,) logarithm of how likely it is not."""

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, K) logits of (N, 3, H, W) normalised images."""
        return self.said(self.pool(self.backbone(images)).flatten(1))

    def know(self, found: Tensor, missed: Tensor) -> None:
        """Take in how likely hands are found, and how likely not, (K,) float32 logarithms."""
        self.found.copy_(found)
        self.missed.copy_(missed)

    def said(self, hands: Tensor) -> Tensor:
        """Return (N, K) logits of (N, 63) float32 landmarks, 0 where no hand was found."""
        return self.weighed(shown(hands), self.head(hands))

    def weighed(self, found: Tensor, by_hand: Tensor) -> Tensor:
        """Return (N, K) logits, of what the head says where there is a hand, (N,) bool."""
        return torch.where(found[:, None], by_hand.log_softmax(dim=1) + self.found, self.missed)


class RoomsNetwork(FrozenNetwork):
    """A frozen backbone with its head for photos like those learned from, and a reader of hands for all.

    Args:
        backbone: The frozen backbone.
        pool: What lies between it and its head.
        head: What is trained on the pooled features.
        reader: Looks at the hand alone.
        familiar: Says how much the frozen backbone's head counts beside it.
        weighing: Puts the answers of both together.
    """

    def __init__(
        self,
        backbone: nn.Module,
        pool: Pool,
        head: Head,
        reader: HandReader,
        familiar: Familiarity,
        weighing: Weighing,
    ) -> None:
        super().__init__(backbone, pool, head)
        self.reader, self.familiar, self.weighing = reader, familiar, weighing

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, K) logits of (N, 3, H, W) normalised images."""
        features = self.pool(self.backbone(images))
        return self.said(features, self.head(features), *self.reader.look(images))

    def said(self, features: Tensor, own: Tensor, hands: Tensor, right: Tensor) -> Tensor:
        """Return (N, K) logits.

        Args:
            features: (N, C, p, p) float32, of the frozen backbone.
            own: (N, K) float32 logits of its head.
            hands: (N, 63) float32 landmarks, 0 where no hand was found.
            right: (N,) bool, whether it is a right one.
        """
        other = self.reader.said(hands, self.reader.head(hands), own)
        share = self.familiar(features) * self.reader.usual(hands, right)
        logits: Tensor = self.weighing(share, own, other)
        return logits


def empty_network(config: NetworkConfig) -> nn.Module:
    """Make a network whose parameters are still to be loaded with ``assign=True``.

    Args:
        config: Its description.

    Returns:
        The network, parameters and buffers on torch's ``meta`` device.

    Raises:
        BackboneError: The description names an unknown backbone.
        ValueError: The description of a frozen network lacks its backbone, shape or head.
    """
    if config.model == "cnn":
        with torch.device("meta"):
            return CNN(config.labels, config.preprocessing.size)
    if config.backbone is None or config.feature_shape is None or config.head is None:
        raise ValueError("a frozen network needs backbone, feature_shape and head")
    backbone = empty_backbone(config.backbone, config.preprocessing)
    channels, height, width = config.feature_shape
    pool = Pool(config.head.pool, height, width)
    if config.hands and config.backbone == landmarks.NAME:
        with torch.device("meta"):
            return HandsNetwork(backbone, pool, HandHead(config.labels))
    with torch.device("meta"):
        head = Head(channels * pool.side[0] * pool.side[1], config.labels, config.head)
    if not config.hands:
        return FrozenNetwork(backbone, pool, head)
    finder = empty_backbone(landmarks.NAME, landmarks.PREPROCESSING).body
    assert isinstance(finder, landmarks.Landmarks)
    with torch.device("meta"):
        reader = HandReader(finder, HandHead(config.labels), config.preprocessing)
        familiar, weighing = Familiarity(channels, config.labels), Weighing()
    return RoomsNetwork(backbone, pool, head, reader, familiar, weighing)


def check_features(network: nn.Module, config: NetworkConfig) -> None:
    """Show a filled network one image, and see whether its features have the shape that is described.

    On torch's ``meta`` device that would cost no arithmetic, and seconds to import torch's compiler.

    Args:
        network: As `empty_network` makes it, with its parameters.
        config: Its description.

    Raises:
        ValueError: The backbone gives features of another shape.
    """
    if isinstance(network, FrozenNetwork) and network.backbone.feature_shape != config.feature_shape:
        raise ValueError(f"{config.backbone} gives features of shape {network.backbone.feature_shape}")
