"""What networks that classify signs have in common, and the one of a backbone with a head."""

from torch import Tensor, nn

from handshape.models.backbones.registry import Backbone
from handshape.models.heads import Head, Pool
from handshape.models.onnx_head import OnnxHead


class SignNetwork(nn.Module):
    """A network from a photo's features, from its hand landmarks, or from both, to (N, K) float32 logits.

    Attributes:
        image_classifier: Classifies image features; None for models without a backbone.
        feature_map: Module whose output is the last feature map, (N, C, h, w); None for landmarks alone.
        feature_shape: (C, h, w) of a backbone's features; None without a backbone.
        uses_hand: Whether it uses hand landmarks.
        expects_hand: Whether a hand was found in most of its training photos, so that a photo without one
            shows no sign.
    """

    image_classifier: "BackboneClassifier | None" = None
    feature_map: nn.Module | None = None
    feature_shape: tuple[int, int, int] | None = None
    uses_hand = False
    expects_hand = False

    @property
    def image_network(self) -> nn.Module | None:
        """From (N, 3, H, W) normalised images to what `from_features` takes; None for landmarks alone."""
        return None

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, K) logits of (N, 3, H, W) normalised images, for networks that use nothing else."""
        assert self.image_network is not None and not self.uses_hand  # landmarks are not found in torch
        nothing = images.new_zeros(0)
        return self.from_features(self.image_network(images), nothing, nothing)

    def from_features(self, features: Tensor, hands: Tensor, right_hand: Tensor) -> Tensor:
        """Return (N, K) logits from what was computed of N photos before; empty tensors for what is not used.

        Args:
            features: (N, C, p, p) float32, as `image_network` gives them.
            hands: (N, 88) float32 landmarks and embedding of hands, 0 where none was found.
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

    def __init__(self, backbone: nn.Module, pool: Pool, head: Head | OnnxHead) -> None:
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

    @property
    def image_network(self) -> nn.Module:
        """The backbone and pooling."""
        return nn.Sequential(self.backbone, self.pool)

    def from_features(self, features: Tensor, hands: Tensor, right_hand: Tensor) -> Tensor:
        """Return (N, K) logits of (N, C, p, p) pooled features."""
        logits: Tensor = self.head(features)
        return logits

    def trained_parameters(self) -> int:
        """Return how many parameters the head has."""
        return count_parameters(self.head)
