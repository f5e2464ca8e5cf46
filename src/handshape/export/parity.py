"""Compare the predictions of an exported model with those of torch."""

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
"""Largest difference of a probability between torch and a 32-bit export."""

LARGEST_FALL = 0.005
"""Largest loss of accuracy of an 8-bit export, as a fraction."""

_BATCH = 16


@dataclass(frozen=True)
class Parity:
    """Differences between the predictions of an exported model and of torch.

    Args:
        photos: Number of photos.
        source: Where they are from.
        largest: Largest difference of a probability.
        same: Share of the photos with the same most probable label.
        labelled: Number of photos with one of the recogniser's labels.
        torch_accuracy: Accuracy of torch on those; ``None`` without any.
        accuracy: Accuracy of the exported model on those.
    """

    photos: int
    source: str
    largest: float
    same: float
    labelled: int = 0
    torch_accuracy: float | None = None
    accuracy: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON types."""
        return asdict(self)


def measure_parity(recogniser: Recogniser, runtime: Runtime, photos: Sequence[Photo], source: str) -> Parity:
    """Compare the predictions of torch and of an exported model.

    Args:
        recogniser: The recogniser in torch.
        runtime: The exported model.
        photos: N photos, at least one.
        source: Where they are from.
    """
    expected, found = _predictions(recogniser, runtime, photos)
    # A probability that is not a number counts as the largest difference.
    off = np.nan_to_num(np.abs(expected - found), nan=1.0)
    by_torch, by_export = expected.argmax(axis=1), found.argmax(axis=1)
    known = [index for index, photo in enumerate(photos) if photo.label in recogniser.labels]
    classes = np.array([recogniser.labels.index(str(photos[index].label)) for index in known])
    return Parity(
        len(photos),
        source,
        float(off.max()),
        float((by_torch == by_export).mean()),
        len(known),
        float((by_torch[known] == classes).mean()) if known else None,
        float((by_export[known] == classes).mean()) if known else None,
    )


def check_parity(parity: Parity) -> None:
    """Raise an error for a 32-bit export whose probabilities differ from torch's.

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
    """Raise an error for an 8-bit export with a lower accuracy, or an unknown one.

    Raises:
        ExportError: The accuracy is lower by more than 0.5 points, or no photo has a label.
    """
    if parity.torch_accuracy is None or parity.accuracy is None:
        raise ExportError(
            f"the accuracy in 8 bits cannot be measured: the photos have no labels ({parity.source})",
            "photos in one folder per label",
            "give such a folder with --images",
        )
    if parity.torch_accuracy - parity.accuracy > LARGEST_FALL + 1e-9:
        raise ExportError(
            f"the accuracy on {parity.labelled} photos is {100 * parity.accuracy:.1f} % in 8 bits and "
            f"{100 * parity.torch_accuracy:.1f} % in 32 bits ({parity.source})",
            f"at most {100 * LARGEST_FALL:g} points less",
            "export in fp32, or give more photos with --images",
        )


def _predictions(
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
