"""Types that every layer shares: one type for one thing."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor  # so that `handshape --help` need not wait for torch

UNSURE = "unsure"
"""The label of a prediction whose probability is below the recogniser's threshold."""


@dataclass(frozen=True)
class Prediction:
    """The predicted label of one image.

    Args:
        label: The most probable label, or ``unsure`` when its probability is below the threshold.
        probability: Of the most probable label, in [0, 1].
        top: The most probable labels with their probabilities, best first.
        sure: Whether the probability reaches the recogniser's threshold.
    """

    label: str
    probability: float
    top: tuple[tuple[str, float], ...]
    sure: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Return the prediction as JSON types, as the command line, the server and the page give it."""
        return {
            "label": self.label,
            "probability": self.probability,
            "sure": self.sure,
            "top": [list(pair) for pair in self.top],
        }


@dataclass(frozen=True)
class HandLandmarks:
    """The most visible hand of each of N photos.

    Args:
        points: (N, 21, 3) float32, x to the right and y down in shares of the photo's sides, and depth.
        presence: (N,) float32 in [0, 1], the probability that there is a hand.
        right_hand: (N,) float32 in [0, 1], the probability that it is a right hand, as others see it.
    """

    points: "Tensor"
    presence: "Tensor"
    right_hand: "Tensor"

    @property
    def found(self) -> "Tensor":
        """(N,) bool, whether there is a hand."""
        return self.presence > 0.5
