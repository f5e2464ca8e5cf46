"""A Gaussian classifier of hand landmarks."""

import math

import torch
from torch import Tensor, nn

from handshape.models.hand.hand_finder import LANDMARK_WIDTH
from handshape.models.heads import Head
from handshape.models.network_config import HeadConfig

POSE_HEAD = HeadConfig("lda", pool=1, scaling="feature")
"""Its shape as a head."""

# Yaw of the hand relative to the training photos, around the vertical, degrees. Edge-on, landmarks tell
# nothing apart, and from behind a hand looks like its mirror image.
_YAWS = range(-75, 76, 15)
# The mean of a label without photos: further away than any hand.
_NOWHERE = 100.0


class PoseClassifier(Head):
    """View-invariant Gaussian classifier over 21 hand landmarks.

    Each label is a mixture of Gaussians around its mean hand, rotated to several yaws; all share one
    covariance. Depth rotates the means and is not compared: it is the least exact coordinate. A hand is
    classified together with its mirror image, for it may be the other hand, or seen from behind.

    Args:
        labels: K.
    """

    def __init__(self, labels: int) -> None:
        super().__init__(LANDMARK_WIDTH, labels, POSE_HEAD)
        flat = 2 * LANDMARK_WIDTH // 3
        self.layers = nn.Identity()  # the means below are what is learned
        self.means = nn.Parameter(torch.zeros(len(_YAWS), labels, flat))
        self.register_buffer("whiten", torch.zeros(flat, flat))
        width = LANDMARK_WIDTH
        self.register_buffer("label_counts", torch.zeros(labels))
        self.register_buffer("label_means", torch.zeros(labels, width))
        self.register_buffer("label_scatter", torch.zeros(labels, width, width))

    label_counts: Tensor
    """(K,) float32 number of hands of each label; with the two below, labels can be added later
    without the photos."""
    label_means: Tensor
    """(K, 63) float32 mean landmarks of each label."""
    label_scatter: Tensor
    """(K, 63, 63) float32 sums of products of the landmarks' deviations from these means."""
    means: Tensor
    """(Y, K, 42) float32 rotated means, whitened by the shared covariance."""
    whiten: Tensor
    """(42, 42) float32, from scaled x and y to whitened ones."""

    @property
    def labels(self) -> int:
        """K."""
        return int(self.means.shape[1])

    def forward(self, features: Tensor) -> Tensor:
        """Return (N, K) float32 logits of (N, 63) float32 landmarks, as `normalise` gives them."""
        hands = torch.flatten(features, 1)
        both = torch.cat([self._log_densities(hands), self._log_densities(mirror(hands))], dim=1)
        return both.logsumexp(dim=1)

    def set_parameters(self, means: Tensor, absent: Tensor, covariance: Tensor) -> None:
        """Take what was fitted, in units of ``mean`` and ``scale``.

        Args:
            means: (K, 63) float32 mean landmarks of each label, unscaled.
            absent: (K,) bool, labels without photos.
            covariance: (42, 42) float64, of scaled x and y within labels; positive definite.
        """
        self.whiten.copy_(torch.linalg.inv(torch.linalg.cholesky(covariance)).T)
        views = torch.stack([flat(self.scaled(rotate(means, degrees))) for degrees in _YAWS])
        with torch.no_grad():
            self.means.copy_((views @ self.whiten).masked_fill(absent[:, None], _NOWHERE))

    def apply_temperature(self, temperature: float) -> None:
        """Divide all log-densities by a temperature."""
        self.whiten /= math.sqrt(temperature)
        with torch.no_grad():
            self.means /= math.sqrt(temperature)

    def _log_densities(self, hands: Tensor) -> Tensor:
        white = flat(self.scaled(hands)) @ self.whiten
        return -(white[:, None, None] - self.means).square().sum(dim=3) / 2


def flat(hands: Tensor) -> Tensor:
    """Return (..., 42) x and y of (..., 63) landmarks."""
    return torch.flatten(_points(hands)[..., :2], -2)


def mirror(hands: Tensor) -> Tensor:
    """Return (N, 63) landmarks of the mirror images of hands."""
    return hands * hands.new_tensor([-1.0, 1.0, 1.0]).repeat(hands.shape[1] // 3)


def rotate(hands: Tensor, degrees: float) -> Tensor:
    """Return (N, 63) landmarks of hands rotated around the vertical."""
    x, y, z = _points(hands).unbind(2)
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return torch.stack([cos * x + sin * z, y, cos * z - sin * x], dim=2).flatten(1)


def _points(hands: Tensor) -> Tensor:
    return hands.reshape(*hands.shape[:-1], hands.shape[-1] // 3, 3)
