"""Image features and hand landmarks in one network."""

import torch
from torch import Tensor, nn

from handshape.models.hand.landmark_classifier import LandmarkClassifier, has_hand
from handshape.models.sign_network import BackboneClassifier, SignNetwork

# Steepness of the change from in-distribution to out-of-distribution: at twice the bound it is complete.
_STEEPNESS = 5.0


class CombinedClassifier(SignNetwork):
    """Classifies photos from image features and from hand landmarks.

    Out-of-distribution photos are classified from landmarks only; in-distribution photos by a weighted mean
    of both models' log-probabilities. Where no hand is found, image features decide.

    Args:
        image: Classifies image features.
        landmarks: Classifies hand landmarks.
        in_distribution: Says how much a photo is like the training photos.
        image_weight: Weight of the image features for in-distribution photos, in [0, 1].
    """

    uses_hand = True

    def __init__(
        self,
        image: BackboneClassifier,
        landmarks: LandmarkClassifier,
        in_distribution: "InDistribution",
        image_weight: float = 0.5,
    ) -> None:
        super().__init__()
        self.image, self.landmarks, self.in_distribution = image, landmarks, in_distribution
        self.register_buffer("image_weight", torch.tensor(image_weight))
        self.register_buffer("trained_hands", torch.ones(2))

    image_weight: Tensor
    trained_hands: Tensor
    """(2,) 1 for handedness that was in the training photos, else 0: right hands, left hands."""

    @property
    def image_classifier(self) -> BackboneClassifier:  # type: ignore[override]
        """Classifies image features."""
        return self.image

    @property
    def feature_map(self) -> nn.Module:  # type: ignore[override]
        """The backbone."""
        return self.image.backbone

    @property
    def expects_hand(self) -> bool:  # type: ignore[override]
        """Whether a hand was found in most of its training photos."""
        return self.landmarks.expects_hand

    @property
    def feature_shape(self) -> tuple[int, int, int] | None:  # type: ignore[override]
        """(C, h, w) of the backbone's features."""
        return self.image.feature_shape

    @property
    def image_network(self) -> nn.Module:
        """The backbone and pooling."""
        return self.image.image_network

    def classify(self, features: Tensor, by_image: Tensor, hands: Tensor, right_hand: Tensor) -> Tensor:
        """Return (N, K) logits.

        Args:
            features: (N, C, p, p) float32 pooled image features.
            by_image: (N, K) float32 logits of the head on them.
            hands: (N, 88) float32 landmarks and embedding, 0 where no hand was found.
            right_hand: (N,) bool.
        """
        by_image = by_image.log_softmax(dim=1)
        known_hand = torch.where(right_hand, self.trained_hands[0], self.trained_hands[1])
        share = self.in_distribution(features) * torch.where(has_hand(hands), known_hand, 1.0)
        return combine(self.image_weight * share, by_image, self.landmarks.classify(hands, by_image))

    def from_features(self, features: Tensor, hands: Tensor, right_hand: Tensor) -> Tensor:
        """Return (N, K) logits of image features and landmarks."""
        return self.classify(features, self.image.head(features), hands, right_hand)

    def trained_parameters(self) -> int:
        """Return how many parameters the two heads have."""
        return self.image.trained_parameters() + self.landmarks.trained_parameters()


def combine(image_weight: Tensor, by_image: Tensor, by_landmarks: Tensor) -> Tensor:
    """Return the weighted mean of (N, K) log-probabilities; the (N,) weights are those of ``by_image``."""
    # Weights that sum to one keep the scale of the log-probabilities, so that one temperature fits both.
    weight = image_weight[:, None]
    return weight * by_image.log_softmax(dim=1) + (1 - weight) * by_landmarks.log_softmax(dim=1)


class InDistribution(nn.Module):
    """Tells photos like the training photos from all others.

    Args:
        width: C, number of features averaged over all places.
        labels: K.

    Source: Lee et al., A Simple Unified Framework for Detecting Out-of-Distribution Samples and Adversarial
    Attacks, NeurIPS 2018 (the Mahalanobis distance to the nearest class mean).
    """

    def __init__(self, width: int, labels: int) -> None:
        super().__init__()
        self.register_buffer("whiten", torch.zeros(width, width))
        self.register_buffer("means", torch.zeros(labels, width))
        self.register_buffer("bound", torch.ones(()))

    whiten: Tensor
    means: Tensor
    bound: Tensor

    def distances(self, features: Tensor) -> Tensor:
        """Return (N,) squared Mahalanobis distances of (N, C, h, w) features to the nearest class mean."""
        white = features.mean(dim=(2, 3)) @ self.whiten
        return (white[:, None] - self.means).square().sum(dim=2).amin(dim=1)

    def forward(self, features: Tensor) -> Tensor:
        """Return (N,) float32 in [0, 1]: near 1 for in-distribution photos."""
        return torch.sigmoid(_STEEPNESS * torch.log(self.bound / self.distances(features).clamp(min=1e-6)))
