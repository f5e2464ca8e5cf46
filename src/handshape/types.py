"""Types that every layer shares: one type for one thing."""

from dataclasses import dataclass
from typing import Any

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
