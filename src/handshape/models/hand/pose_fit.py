"""The numbers by which the pose classifier is fitted, in Python and in JavaScript. No torch."""

from pathlib import Path
from typing import Any

SPREAD = Path(__file__).parent / "spread.npy"
"""(42, 42) float32 covariance of x and y of the landmarks over people who show the same sign, in lengths of
the palm. From the 150 people of the Sign Language Digits Dataset; tools/fit_hand_statistics.py makes it."""

# Yaw of the hand relative to the training photos, around the vertical, degrees. Edge-on, landmarks tell
# nothing apart, and from behind a hand looks like its mirror image.
YAWS = range(-75, 76, 15)
# The covariance is that within labels, and: that of a hand rotated in space by so many degrees, each landmark
# moved by so many lengths of the palm (both standard deviations), and so much of the spread between people.
ROTATION, SHIFT, PEOPLE = 10.0, 0.03, 0.3
# Added to the embedding's covariance within labels, in units of that of drawn letters.
EMBEDDING_SPREAD = 0.5
# Weight of the embedding's log-density. All five were chosen on the studio's signers, each left out, on drawn
# hands, and on the 11 people of the strangers benchmark: docs/research/strangers.md.
EMBEDDING_WEIGHT = 0.45
# The mean of a handshape without photos: further away than any hand.
NOWHERE = 100.0
NEVER = -1e4
"""The log-weight of a handshape in another label than its own."""


def fit_settings() -> dict[str, Any]:
    """Return the numbers of `PoseClassifier.fit`, for its likeness in JavaScript."""
    return {
        "yaws": list(YAWS),
        "rotation": ROTATION,
        "shift": SHIFT,
        "people": PEOPLE,
        "embedding_spread": EMBEDDING_SPREAD,
        "embedding_weight": EMBEDDING_WEIGHT,
        "nowhere": NOWHERE,
        "never": NEVER,
    }
