"""A classifier of the hand in a photo by its landmarks."""

import torch
from torch import Tensor

from handshape.data.images.decode import Preprocessing
from handshape.models.hand.hand_finder import HandFinder, has_hand
from handshape.models.hand.pose_classifier import PoseClassifier
from handshape.models.heads import Pool
from handshape.models.sign_network import SignNetwork, count_parameters


class LandmarkClassifier(SignNetwork):
    """Finds the hand, wherever it is in the photo, and classifies its pose.

    Args:
        hand_finder: Finds the hand.
        pose: Classifies its landmarks.
        preprocessing: What its images went through.
    """

    def __init__(self, hand_finder: HandFinder, pose: PoseClassifier, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.finder, self.pose, self._preprocessing = hand_finder, pose, preprocessing
        self.round = Pool(1, 1, 1)  # to float16: training used what the cache keeps
        self.register_buffer("log_found", torch.zeros(pose.labels))
        self.register_buffer("log_missed", torch.zeros(pose.labels))

    log_found: Tensor
    """(K,) log-probability that a hand is found in a photo of each label."""
    log_missed: Tensor
    """(K,) log-probability that none is found."""

    @property
    def hand_finder(self) -> HandFinder:  # type: ignore[override]
        """Finds the hand."""
        return self.finder

    def find(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Find the hands in (N, 3, H, W) normalised images.

        Returns:
            (N, 63) float32 landmarks, 0 where there is no hand, and (N,) bool, whether it is a right hand.
        """
        done = self._preprocessing
        mean, std = (images.new_tensor(of)[:, None, None] for of in (done.mean, done.std))
        # The very pixels that the cached landmarks were found in.
        pixels = ((images * std + mean).clamp(0, 1) * 255).round() * (1 / 255)
        hands = self.finder.find(pixels)
        return self.round(self.finder.normalise(hands)).flatten(1), hands.right_hand > 0.5

    def classify(self, landmarks: Tensor, without_hand: Tensor | None = None) -> Tensor:
        """Return (N, K) log-probabilities up to a constant.

        Args:
            landmarks: (N, 63) float32, 0 where no hand was found.
            without_hand: (N, K) float32 log-probabilities for the photos in which no hand was found; without
                them, every label is as likely as a hand of it is missed.
        """
        return self.merge(landmarks, self.pose(landmarks), without_hand)

    def merge(self, landmarks: Tensor, by_pose: Tensor, without_hand: Tensor | None = None) -> Tensor:
        """Do as `classify` with (N, K) logits of the pose classifier that are known already."""
        missed = self.log_missed if without_hand is None else without_hand + self.log_missed
        return torch.where(has_hand(landmarks)[:, None], by_pose.log_softmax(dim=1) + self.log_found, missed)

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, K) logits of (N, 3, H, W) normalised images."""
        return self.classify(self.find(images)[0])

    def from_features(self, features: Tensor, landmarks: Tensor, right_hand: Tensor) -> Tensor:
        """Return (N, K) logits of (N, 63) landmarks."""
        return self.classify(landmarks)

    def trained_parameters(self) -> int:
        """Return how many parameters the pose classifier has."""
        return count_parameters(self.pose)
