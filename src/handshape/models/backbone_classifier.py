"""A backbone with a head: frozen, or fine-tuned."""

from torch import Tensor, nn

from handshape.models.backbones.registry import Backbone
from handshape.models.heads import Head, Pool
from handshape.models.sign_network import SignNetwork, count_parameters


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
