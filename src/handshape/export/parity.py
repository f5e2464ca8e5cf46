"""Whether an exported model answers as torch does."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from handshape.errors import ExportError
from handshape.export.photos import Photo
from handshape.export.runtime import Runtime
from handshape.progress import track
from handshape.recogniser import Recogniser

TOLERANCE = 1e-4
"""Largest difference of a probability between torch and an export in 32-bit numbers."""

_BATCH = 16


@dataclass(frozen=True)
class Parity:
    """How far an exported model's answers are from torch's.

    Args:
        photos: Number of photos.
        source: Where they are from.
        largest: Largest difference of a probability.
        same: Share of the photos with the same most probable label.
    """

    photos: int
    source: str
    largest: float
    same: float

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


def measure_parity(recogniser: Recogniser, runtime: Runtime, photos: Sequence[Photo], source: str) -> Parity:
    """Compare the answers of torch and of an exported model.

    Args:
        recogniser: The recogniser in torch.
        runtime: The exported model.
        photos: N photos, at least one.
        source: Where they are from.
    """
    largest, same = 0.0, 0
    with track("Comparing with torch", len(photos)) as advance:
        for start in range(0, len(photos), _BATCH):
            pixels = [photo.pixels() for photo in photos[start : start + _BATCH]]
            expected, found = recogniser.probabilities(pixels), runtime.probabilities(pixels)
            # A probability that is no number is as far off as can be.
            off = np.nan_to_num(np.abs(expected - found), nan=1.0)
            largest = max(largest, float(off.max()))
            same += int((expected.argmax(axis=1) == found.argmax(axis=1)).sum())
            advance(len(pixels))
    return Parity(len(photos), source, largest, same / len(photos))


def check_parity(parity: Parity) -> None:
    """Refuse an export in 32-bit numbers that answers otherwise than torch.

    Raises:
        ExportError: A probability differs by more than 1e-4.
    """
    if not parity.largest <= TOLERANCE:
        raise ExportError(
            f"the exported model's probabilities differ from torch's by up to {parity.largest:.2g} "
            f"on {parity.photos} photos ({parity.source})",
            f"at most {TOLERANCE:g}",
            "nothing was written; please report it with the name of the backbone",
        )
