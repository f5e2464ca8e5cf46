"""Whether an exported model answers as torch does."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.errors import ExportError
from handshape.export.photos import Photo
from handshape.export.runtime import Runtime
from handshape.progress import track
from handshape.recogniser import Recogniser

TOLERANCE = 1e-4
"""Largest difference of a probability between torch and an export in 32-bit numbers."""

LARGEST_FALL = 0.005
"""How much lower the accuracy in 8-bit numbers may be, as a fraction."""

_BATCH = 16


@dataclass(frozen=True)
class Parity:
    """How far an exported model's answers are from torch's.

    Args:
        photos: Number of photos.
        source: Where they are from.
        largest: Largest difference of a probability.
        same: Share of the photos with the same most probable label.
        labelled: Number of the photos whose label the recogniser knows.
        torch_accuracy: Share of those that torch reads right; ``None`` without any.
        accuracy: Share of those that the exported model reads right.
    """

    photos: int
    source: str
    largest: float
    same: float
    labelled: int = 0
    torch_accuracy: float | None = None
    accuracy: float | None = None

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
    expected, found = _answers(recogniser, runtime, photos)
    # A probability that is no number is as far off as can be.
    off = np.nan_to_num(np.abs(expected - found), nan=1.0)
    right, read = expected.argmax(axis=1), found.argmax(axis=1)
    known = [index for index, photo in enumerate(photos) if photo.label in recogniser.labels]
    classes = np.array([recogniser.labels.index(str(photos[index].label)) for index in known])
    return Parity(
        len(photos),
        source,
        float(off.max()),
        float((right == read).mean()),
        len(known),
        float((right[known] == classes).mean()) if known else None,
        float((read[known] == classes).mean()) if known else None,
    )


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


def check_accuracy(parity: Parity) -> None:
    """Refuse an export in 8-bit numbers that reads fewer photos right, or of which that is not known.

    Raises:
        ExportError: The accuracy is lower by more than 0.5 points, or no photo has a label.
    """
    if parity.torch_accuracy is None or parity.accuracy is None:
        raise ExportError(
            f"what 8 bits cost cannot be measured: the photos have no labels ({parity.source})",
            "photos in folders that are named by label",
            "name such a folder with --images",
        )
    if parity.torch_accuracy - parity.accuracy > LARGEST_FALL + 1e-9:
        raise ExportError(
            f"in 8 bits {100 * parity.accuracy:.1f} % of {parity.labelled} photos are read right, in 32 bits "
            f"{100 * parity.torch_accuracy:.1f} % ({parity.source})",
            f"at most {100 * LARGEST_FALL:g} points less",
            "export in fp32, or name more photos with --images",
        )


def _answers(
    recogniser: Recogniser, runtime: Runtime, photos: Sequence[Photo]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the probabilities of torch and of the exported model, (N, K) each."""
    expected, found = [], []
    with track("Comparing with torch", len(photos)) as advance:
        for start in range(0, len(photos), _BATCH):
            pixels = [photo.pixels() for photo in photos[start : start + _BATCH]]
            expected.append(recogniser.probabilities(pixels))
            found.append(runtime.probabilities(pixels))
            advance(len(pixels))
    return np.concatenate(expected), np.concatenate(found)
