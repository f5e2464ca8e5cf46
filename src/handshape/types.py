"""Types that every layer shares: one type for one thing."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

UNSURE = "unsure"
"""The label of a prediction whose probability is below the recogniser's threshold."""
NO_HAND = "no hand"
"""The label of a prediction of a photo in which no hand was found."""
NO_HAND_LABELS = frozenset({"nothing", "none", NO_HAND, "no_hand", "background", "empty"})
"""Names that people give to the label of photos without a sign, in small letters."""


@dataclass(frozen=True, repr=False)
class Prediction:
    """The predicted label of one image.

    Args:
        label: The most probable label; ``no hand`` where a recogniser of hands finds none, unless the most
            probable label says so itself; ``unsure`` where the probability is below the threshold.
        probability: Of the most probable label, in [0, 1].
        top: The most probable labels with their probabilities, best first.
        sure: Whether the probability reaches the recogniser's threshold and the label is an answer.
        hand_found: Whether a hand was found; None where none was looked for.
        right_hand: Whether it is a right hand, as others see it; None where no hand was found.
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
    hand_found: bool | None = None
    right_hand: bool | None = None
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
            "hand_found": self.hand_found,
            "right_hand": self.right_hand,
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
        embedding: (25,) float32, from the landmark network's last layer: says which hand shape it is.
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
class HandRows:
    """What classifiers use of the hands of N photos.

    Args:
        rows: (N, 88) float32, 63 numbers of normalised landmarks and 25 of the embedding; 0 where no hand was
            found.
        right_hand: (N,) bool, whether it is a right hand.
        mirrored_rows: (N, 88) float32, the same for the mirror images of the photos; None where that is not
            needed.
    """

    rows: NDArray[np.float32]
    right_hand: NDArray[np.bool_]
    mirrored_rows: NDArray[np.float32] | None = None

    @property
    def found(self) -> NDArray[np.bool_]:
        """(N,) bool, in which photos a hand was found."""
        return np.asarray((self.rows != 0).any(axis=1))

    def take(self, indices: NDArray[np.int64]) -> "HandRows":
        """Return the rows of some photos."""
        mirrored = None if self.mirrored_rows is None else self.mirrored_rows[indices]
        return HandRows(self.rows[indices], self.right_hand[indices], mirrored)

    def mirrored(self) -> "HandRows":
        """Return the rows of the photos' mirror images, which have the same landmarks and the other hand."""
        assert self.mirrored_rows is not None  # HandCache gives them, and only its rows are mirrored
        return HandRows(self.mirrored_rows, ~self.right_hand, self.rows)
