"""The small convolutional network that the lesson trains from scratch."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from handshape.errors import ShapeError
from handshape.models.sign_network import SignNetwork

_CHANNELS = (3, 4, 8, 16, 32)


class CNN(SignNetwork):
    """Four blocks of convolution, ReLU, max-pool and batch norm, then two linear layers.

    224 pixels and 9 labels give 32·14·14 → 100 → 9, as in the lesson.

    Args:
        labels: K, number of labels.
        size: Height and width of the images in pixels, at least 16.

    Raises:
        ShapeError: The images are too small for four halvings.

    Source: "Transfer Learning", tutorial 9 of CSC321, University of Toronto.
    """

    def __init__(self, labels: int, size: int = 224) -> None:
        super().__init__()
        if size < 16:
            raise ShapeError(f"images of {size} pixels", "at least 16", "choose a larger --size")
        blocks: list[nn.Module] = []
        for before, after in pairwise(_CHANNELS):
            conv = nn.Conv2d(before, after, kernel_size=3, padding=1)
            # The lesson's ReLU stands before the max-pool. Behind it, it gives the same numbers and the same
            # gradients, for the largest of four is positive where any is, at a quarter of the work.
            blocks += [conv, nn.MaxPool2d(2), nn.ReLU(inplace=True), nn.BatchNorm2d(after)]
        self.features = nn.Sequential(*blocks)
        side = size // 16
        self.classifier = nn.Sequential(
            nn.Linear(_CHANNELS[-1] * side * side, 100), nn.ReLU(), nn.Linear(100, labels)
        )

    @property
    def feature_map(self) -> nn.Module:  # type: ignore[override]
        """The convolutions."""
        return self.features

    @property
    def image_network(self) -> nn.Module:
        """The convolutions."""
        return self.features

    def from_features(self, features: Tensor, hands: Tensor, right_hand: Tensor) -> Tensor:
        """Return (N, K) logits of the last feature map."""
        return self.classifier(torch.flatten(features, 1))  # type: ignore[no-any-return]
