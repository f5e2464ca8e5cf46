"""A head on the landmarks of a hand, which knows each label from several sides."""

import math

import torch
from torch import Tensor, nn

from handshape.models.hand import hand_finder as landmarks
from handshape.models.heads import Head, HeadConfig

HAND_HEAD = HeadConfig("lda", pool=1, scaling="feature")
"""Its shape, to those who ask what a head is like."""

# How far people are turned towards or away from what is known of them, around the vertical, degrees. Seen
# from edge-on nothing is left to go by, and from behind a hand looks like its mirror image.
_TURNS = range(-75, 76, 15)
# Without a photo of a label: further away than any hand.
_NOWHERE = 100.0


class HandHead(Head):
    """Says how likely a hand as it is found is each label's, seen from whichever side.

    Each label is a Gaussian around its mean hand, as it would look if the signer were turned; all share one
    covariance. Of the landmarks, depth is used to turn the means and is not compared: it is the least exact.
    A hand is read together with its mirror image, for it may be the other one, or be shown from behind.

    Args:
        labels: K.
    """

    def __init__(self, labels: int) -> None:
        super().__init__(landmarks.WIDTH, labels, HAND_HEAD)
        flat = 2 * landmarks.WIDTH // 3
        self.layers = nn.Identity()  # what is learned are the means
        self.centres = nn.Parameter(torch.zeros(len(_TURNS), labels, flat))
        self.register_buffer("whiten", torch.zeros(flat, flat))

    centres: Tensor
    """(T, K, 42) float32 means, turned, in the metric of the shared covariance."""
    whiten: Tensor
    """(42, 42) float32, from scaled x and y to that metric."""

    @property
    def labels(self) -> int:
        """K."""
        return int(self.centres.shape[1])

    def forward(self, features: Tensor) -> Tensor:
        """Return (N, K) float32 logits of (N, 63) float32 landmarks, as `Landmarks.measured` gives them."""
        hands = torch.flatten(features, 1)
        either = torch.cat([self._from_all_sides(hands), self._from_all_sides(mirrored(hands))], dim=1)
        return either.logsumexp(dim=1)

    def know(self, means: Tensor, absent: Tensor, covariance: Tensor) -> None:
        """Take in what has been learned, in units of ``mean`` and ``scale``.

        Args:
            means: (K, 63) float32, mean landmarks of each label, unscaled.
            absent: (K,) bool, labels of which there is none.
            covariance: (42, 42) float64, of scaled x and y within labels; positive definite.
        """
        self.whiten.copy_(torch.linalg.inv(torch.linalg.cholesky(covariance)).T)
        seen = torch.stack([flat(self.scaled(turned(means, degrees))) for degrees in _TURNS])
        with torch.no_grad():
            self.centres.copy_((seen @ self.whiten).masked_fill(absent[:, None], _NOWHERE))

    def soften(self, temperature: float) -> None:
        """Divide the logarithms of all likelihoods by a number."""
        self.whiten /= math.sqrt(temperature)
        with torch.no_grad():
            self.centres /= math.sqrt(temperature)

    def _from_all_sides(self, hands: Tensor) -> Tensor:
        white = flat(self.scaled(hands)) @ self.whiten
        return -(white[:, None, None] - self.centres).square().sum(dim=3) / 2


def flat(hands: Tensor) -> Tensor:
    """Return (..., 42) x and y of (..., 63) landmarks."""
    return torch.flatten(_points(hands)[..., :2], -2)


def mirrored(hands: Tensor) -> Tensor:
    """Return (N, 63) landmarks of the mirror images of hands."""
    return hands * hands.new_tensor([-1.0, 1.0, 1.0]).repeat(hands.shape[1] // 3)


def turned(hands: Tensor, degrees: float) -> Tensor:
    """Return (N, 63) landmarks of hands turned around the vertical."""
    x, y, z = _points(hands).unbind(2)
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return torch.stack([cos * x + sin * z, y, cos * z - sin * x], dim=2).flatten(1)


def _points(hands: Tensor) -> Tensor:
    return hands.reshape(*hands.shape[:-1], hands.shape[-1] // 3, 3)
