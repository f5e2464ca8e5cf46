"""A classifier of the hand in a photo by its landmarks."""

import torch
from torch import Tensor

from handshape.models.hand.pose_classifier import PoseClassifier
from handshape.models.sign_network import SignNetwork, count_parameters


class LandmarkClassifier(SignNetwork):
    """Classifies the pose of the hand, and photos in which none was found.

    Args:
        pose: Classifies landmarks.
    """

    uses_hand = True

    def __init__(self, pose: PoseClassifier) -> None:
        super().__init__()
        self.pose = pose
        self.register_buffer("log_found", torch.zeros(pose.labels))
        self.register_buffer("log_missed", torch.zeros(pose.labels))

    log_found: Tensor
    """(K,) log-probability that a hand is found in a photo of each label."""
    log_missed: Tensor
    """(K,) log-probability that none is found."""

    @property
    def expects_hand(self) -> bool:  # type: ignore[override]
        """Whether a hand was found in most of its training photos."""
        return float(self.log_found.exp().mean()) > 0.5

    def classify(self, hands: Tensor, without_hand: Tensor | None = None) -> Tensor:
        """Return (N, K) log-probabilities up to a constant.

        Args:
            hands: (N, 88) float32 landmarks and embedding, 0 where no hand was found.
            without_hand: (N, K) float32 log-probabilities for the photos in which no hand was found; without
                them, every label is as likely as a hand of it is missed.
        """
        return self.merge(hands, self.pose(hands), without_hand)

    def merge(self, hands: Tensor, by_pose: Tensor, without_hand: Tensor | None = None) -> Tensor:
        """Do as `classify` with (N, K) logits of the pose classifier that are known already."""
        missed = self.log_missed if without_hand is None else without_hand + self.log_missed
        return torch.where(has_hand(hands)[:, None], by_pose.log_softmax(dim=1) + self.log_found, missed)

    def from_features(self, features: Tensor, hands: Tensor, right_hand: Tensor) -> Tensor:
        """Return (N, K) logits of (N, 88) hands."""
        return self.classify(hands)

    def trained_parameters(self) -> int:
        """Return how many parameters the pose classifier has."""
        return count_parameters(self.pose)


def has_hand(hands: Tensor) -> Tensor:
    """Return (N,) bool, in which of (N, 88) rows a hand was found."""
    return (hands != 0).any(dim=1)
