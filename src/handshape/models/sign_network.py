"""What networks that classify signs have in common, and the one of a backbone with a head."""

from dataclasses import dataclass

from torch import Tensor, nn

from handshape.config.models import ModelName
from handshape.data.images.decode import Preprocessing
from handshape.models.backbones.registry import Backbone
from handshape.models.hand.hand_finder import HandFinder
from handshape.models.heads import Head, HeadConfig, Pool


@dataclass(frozen=True)
class NetworkConfig:
    """What a network is made of.

    Args:
        model: Name of the model.
        labels: K.
        preprocessing: What its images go through.
        backbone: Name of the backbone, for models of image features.
        feature_shape: (C, h, w) of the backbone's features, for models of image features.
        head: Shape of the head on them, for models of image features.
    """

    model: ModelName
    labels: int
    preprocessing: Preprocessing
    backbone: str | None = None
    feature_shape: tuple[int, int, int] | None = None
    head: HeadConfig | None = None


class SignNetwork(nn.Module):
    """A network from (N, 3, H, W) float32 normalised images to (N, K) float32 logits.

    Attributes:
        image_classifier: Classifies image features; None for models without a backbone.
        feature_map: Module whose output is the last feature map, (N, C, h, w); None for landmarks alone.
        feature_shape: (C, h, w) of a backbone's features; None without a backbone.
        hand_finder: Finds the hand; None for models that do not use landmarks.
    """

    image_classifier: "BackboneClassifier | None" = None
    feature_map: nn.Module | None = None
    feature_shape: tuple[int, int, int] | None = None
    hand_finder: HandFinder | None = None

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, K) logits."""
        raise NotImplementedError

    def from_features(self, features: Tensor, landmarks: Tensor, right_hand: Tensor) -> Tensor:
        """Return (N, K) logits from what was computed of N photos before; empty tensors for what is not used.

        Args:
            features: (N, C, p, p) float32 pooled features of the backbone.
            landmarks: (N, 63) float32 hand landmarks, 0 where no hand was found.
            right_hand: (N,) bool.
        """
        raise NotImplementedError

    def trained_parameters(self) -> int:
        """Return how many parameters training changes; all of them, where a network does not say."""
        return count_parameters(self)


def count_parameters(network: nn.Module) -> int:
    """Return how many parameters a network has."""
    return sum(parameter.numel() for parameter in network.parameters())


class BackboneClassifier(SignNetwork):
    """A backbone, pooling and a head as one network.

    Args:
        backbone: From normalised images to features, or its last blocks while they are fine-tuned.
        pool: Averages the features over a grid of places.
        head: Classifies the pooled features.
    """

    def __init__(self, backbone: nn.Module, pool: Pool, head: Head) -> None:
        super().__init__()
        self.backbone, self.pool, self.head = backbone, pool, head

    @property
    def image_classifier(self) -> "BackboneClassifier":  # type: ignore[override]
        """Itself."""
        return self

    @property
    def feature_map(self) -> nn.Module:  # type: ignore[override]
        """The backbone."""
        return self.backbone

    @property
    def feature_shape(self) -> tuple[int, int, int] | None:  # type: ignore[override]
        """(C, h, w) of the backbone's features; None while only its last blocks are here."""
        return self.backbone.feature_shape if isinstance(self.backbone, Backbone) else None

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, K) logits of (N, 3, H, W) normalised images."""
        logits: Tensor = self.head(self.pool(self.backbone(images)))
        return logits

    def from_features(self, features: Tensor, landmarks: Tensor, right_hand: Tensor) -> Tensor:
        """Return (N, K) logits of (N, C, p, p) pooled features."""
        logits: Tensor = self.head(features)
        return logits

    def trained_parameters(self) -> int:
        """Return how many parameters the head has."""
        return count_parameters(self.head)
