"""Types that every layer shares: one type for one thing."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

UNSURE = "unsure"
"""The label of a prediction whose probability is below the recogniser's threshold."""


@dataclass(frozen=True, repr=False)
class Prediction:
    """The predicted label of one image.

    Args:
        label: The most probable label, or ``unsure`` when its probability is below the threshold.
        probability: Of the most probable label, in [0, 1].
        top: The most probable labels with their probabilities, best first.
        sure: Whether the probability reaches the recogniser's threshold.
        path: The image file, where one was given.

    Examples:
        >>> prediction = handshape.load("runs/first").predict("photos/B/signer2_0.png")
        >>> prediction.label, prediction.sure, len(prediction.top)
        ('B', True, 3)
    """

    label: str
    probability: float
    top: tuple[tuple[str, float], ...]
    sure: bool = True
    path: Path | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        shares = ", ".join(f"{label} {100 * share:.1f} %" for label, share in self.top)
        return f"Prediction({'' if self.sure else f'{UNSURE}: '}{shares})"

    def to_dict(self) -> dict[str, Any]:
        """Return the prediction as JSON types, as the command line, the server and the page give it."""
        return {
            "label": self.label,
            "probability": self.probability,
            "sure": self.sure,
            "top": [list(pair) for pair in self.top],
        }


@dataclass(frozen=True, eq=False)
class HandLandmarks:
    """The most visible hand of a photo; lengths are in shares of the photo's longer side.

    Args:
        points: (21, 3) float32, x to the right and y down from the photo's upper left corner, and depth.
        presence: Probability in [0, 1] that there is a hand.
        right_hand: Probability in [0, 1] that it is a right hand, as others see it.
        box: x and y of the middle of the hand's square, its side, and its clockwise rotation in radians.
        embedding: (1152,) float32, the landmark network's last layer, averaged over all places.
    """

    points: NDArray[np.float32]
    presence: float
    right_hand: float
    box: tuple[float, float, float, float]
    embedding: NDArray[np.float32]

    @property
    def found(self) -> bool:
        """Whether there is a hand."""
        return self.presence > 0.5


@dataclass(frozen=True, eq=False)
class LandmarkRows:
    """What classifiers use of the hands of N photos.

    Args:
        landmarks: (N, 63) float32 normalised landmarks, 0 where no hand was found.
        right_hand: (N,) bool, whether it is a right hand.
    """

    landmarks: NDArray[np.float32]
    right_hand: NDArray[np.bool_]

    @property
    def found(self) -> NDArray[np.bool_]:
        """(N,) bool, in which photos a hand was found."""
        return np.asarray((self.landmarks != 0).any(axis=1))

    def take(self, indices: NDArray[np.int64]) -> "LandmarkRows":
        """Return the rows of some photos."""
        return LandmarkRows(self.landmarks[indices], self.right_hand[indices])

    def mirrored(self) -> "LandmarkRows":
        """Return the rows of the photos' mirror images.

        Normalised landmarks are those of a right hand, so only the handedness changes.
        """
        return LandmarkRows(self.landmarks, ~self.right_hand)
