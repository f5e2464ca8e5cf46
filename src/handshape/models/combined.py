"""Two readers in one network: one that knows its photos' own rooms, and one that looks at the hand alone."""

import torch
from torch import Tensor, nn

from handshape.data.images.decode import Preprocessing
from handshape.models.hand import hand_finder as landmarks
from handshape.models.hand.pose_classifier import HandHead
from handshape.models.heads import Pool

# How suddenly photos become unfamiliar: at twice the bound next to nothing is left.
_STEEP = 5.0


class HandReader(nn.Module):
    """Reads the landmarks of a hand, wherever it is and whatever is behind it.

    Args:
        finder: Finds the hand.
        head: On its landmarks.
        preprocessing: What photos have been through.
    """

    def __init__(self, finder: landmarks.Landmarks, head: HandHead, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.finder, self.head, self._preprocessing = finder, head, preprocessing
        self.pool = Pool(1, 1, 1)  # for its rounding: the head has learned from what the store keeps
        self.register_buffer("found", torch.zeros(head.labels))
        self.register_buffer("missed", torch.zeros(head.labels))
        self.register_buffer("sides", torch.ones(2))

    found: Tensor
    """(K,) logarithm of how likely a hand of each label is found."""
    missed: Tensor
    """(K,) logarithm of how likely it is not."""
    sides: Tensor
    """(2,) 1 for the hands that have been learned from, 0 for others: right ones, left ones."""

    def look(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Find hands.

        Args:
            images: (N, 3, H, W) float32, normalised.

        Returns:
            (N, 63) float32 landmarks, 0 where there is no hand, and (N,) bool, whether it is a right one.
        """
        been = self._preprocessing
        mean, std = (images.new_tensor(of)[:, None, None] for of in (been.mean, been.std))
        # The pixels that they were, to the bit: what the store keeps was found in those.
        pixels = ((images * std + mean).clamp(0, 1) * 255).round() * (1 / 255)
        hands = self.finder.find(pixels)
        return self.pool(self.finder.measured(hands)).flatten(1), hands.right > 0.5

    def usual(self, hands: Tensor, right: Tensor) -> Tensor:
        """Return (N,) float32, 0 for a hand of a side that has not been learned from, else 1.

        Args:
            hands: (N, 63) float32 landmarks.
            right: (N,) bool.
        """
        return torch.where(shown(hands), torch.where(right, self.sides[0], self.sides[1]), 1.0)

    def said(self, hands: Tensor, by_hand: Tensor, own: Tensor) -> Tensor:
        """Return (N, K) logits: of a hand what its landmarks say, where none was found what the photo says.

        Args:
            hands: (N, 63) float32 landmarks.
            by_hand: (N, K) float32 logits of the head.
            own: (N, K) float32 logits of a reader of the whole photo.
        """
        seen, unseen = by_hand.log_softmax(dim=1) + self.found, own.log_softmax(dim=1) + self.missed
        return torch.where(shown(hands)[:, None], seen, unseen)


def shown(hands: Tensor) -> Tensor:
    """Return (N,) bool, in which of (N, 63) landmarks a hand was found."""
    return (hands != 0).any(dim=1)


class Weighing(nn.Module):
    """Puts the answers of two readers together, as a weighted mean of their logarithms.

    Of a photo that is not familiar the second reader decides alone; of one that is, both count.

    Args:
        own: Weight of the reader of familiar photos there, in [0, 1]; the other one has the rest.
    """

    def __init__(self, own: float = 0.5) -> None:
        super().__init__()
        self.register_buffer("own", torch.tensor(own))

    own: Tensor

    def forward(self, share: Tensor, own: Tensor, other: Tensor) -> Tensor:
        """Return (N, K) logits.

        Args:
            share: (N,) float32 in [0, 1], how familiar each photo is.
            own: (N, K) float32 logits of the reader of familiar photos.
            other: (N, K) float32 logits of the reader of all others.
        """
        # Weights that sum to one leave both as sure as they are: one temperature then fits either.
        weight = self.own * share[:, None]
        return weight * own.log_softmax(dim=1) + (1 - weight) * other.log_softmax(dim=1)


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
