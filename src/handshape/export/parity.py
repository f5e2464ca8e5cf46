"""Compare the probabilities of a bundle with those of torch, and an export with its bundle."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from handshape.errors import ExportError
from handshape.export.photos import LabelledPhoto
from handshape.features.predict import predict_features
from handshape.models.hand.hand_finder import hand_rows
from handshape.network_bundle import network_of
from handshape.progress import track
from handshape.recogniser import Recogniser
from handshape.types import HandLandmarks

TOLERANCE = 1e-4
"""Largest difference of a probability between torch, a bundle, and an export that does not look for hands."""

LARGEST_FALL = 0.005
"""Largest loss of accuracy in 8 bits, as a fraction."""

Answer = Callable[[NDArray[np.uint8], HandLandmarks | None], NDArray[np.float32]]
"""From a photo, (H, W, 3) uint8, and its hand as the bundle finds it, to (K,) float32 probabilities."""


@dataclass(frozen=True)
class Parity:
    """Differences between the probabilities of torch, of a bundle, and of an export.

    Args:
        photos: Number of photos.
        source: Where they are from.
        torch: Largest difference of a probability between torch and the bundle.
        largest: Largest difference of a probability between the bundle and the export, in one precision.
        different: Number of photos for which the bundle, in 32 bits, and the export predict different labels.
        labelled: Number of photos with one of the recogniser's labels.
        accuracy: Accuracy of the bundle on those; ``None`` without any.
        int8_accuracy: The same in 8 bits; ``None`` for an export in 32 bits.
    """

    photos: int
    source: str
    torch: float
    largest: float
    different: int
    labelled: int = 0
    accuracy: float | None = None
    int8_accuracy: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON types."""
        return asdict(self)


def measure_parity(
    recogniser: Recogniser,
    answer: Answer,
    photos: Sequence[LabelledPhoto],
    source: str,
    int8: Answer | None = None,
) -> Parity:
    """Compare the probabilities of photos.

    Args:
        recogniser: The bundle.
        answer: The export.
        photos: N photos, at least one.
        source: Where they are from.
        int8: The bundle in 8 bits, where the export is so.
    """
    roads: list[Answer] = [recogniser.classify, _by_torch(recogniser), answer, int8 or recogniser.classify]
    finder, rows = recogniser.hand_finder, []
    with track("Comparing", len(photos)) as advance:
        for photo in photos:
            pixels = photo.pixels()
            hand = None if finder is None else finder.find(pixels)
            found = {road: road(pixels, hand) for road in set(roads)}  # a page is its bundle: once is enough
            rows.append([found[road] for road in roads])
            advance(1)
    bundle, by_torch, export, quantised = np.array(rows).transpose(1, 0, 2)
    known = [index for index, photo in enumerate(photos) if photo.label in recogniser.labels]
    classes = np.array([recogniser.labels.index(str(photos[index].label)) for index in known])

    def accuracy(found: NDArray[np.float32]) -> float | None:
        return float((found[known].argmax(axis=1) == classes).mean()) if known else None

    return Parity(
        len(photos),
        source,
        _largest(by_torch - bundle),
        _largest(export - quantised),
        int((export.argmax(axis=1) != bundle.argmax(axis=1)).sum()),
        len(known),
        accuracy(bundle),
        accuracy(quantised) if int8 else None,
    )


def check_parity(parity: Parity, *, exact: bool) -> None:
    """Raise an error where probabilities differ that should be the same.

    Args:
        parity: The comparison.
        exact: Whether the export gives the probabilities of its bundle; with one look for a hand where the
            bundle takes several, it need not.

    Raises:
        ExportError: The bundle's differ from torch's, or those of the export from the bundle's.
    """
    for one, other, largest in (
        ("bundle", "torch", parity.torch),
        ("exported model", "the bundle", parity.largest if exact else 0.0),
    ):
        if not largest <= TOLERANCE:
            raise ExportError(
                f"the {one}'s probabilities differ from those of {other} by up to {largest:.2g} "
                f"on {parity.photos} photos ({parity.source})",
                f"at most {TOLERANCE:g}",
                "nothing was written; please report it with the name of the backbone",
            )


def check_accuracy(parity: Parity) -> None:
    """Raise an error for a recogniser with a lower accuracy in 8 bits, or an unknown one.

    Raises:
        ExportError: The accuracy is lower by more than 0.5 points, or no photo has a label.
    """
    if parity.accuracy is None or parity.int8_accuracy is None:
        raise ExportError(
            f"the accuracy in 8 bits cannot be measured: the photos have no labels ({parity.source})",
            "photos in one folder per label",
            "give such a folder with --images",
        )
    if parity.accuracy - parity.int8_accuracy > LARGEST_FALL + 1e-9:
        raise ExportError(
            f"the accuracy on {parity.labelled} photos is {100 * parity.int8_accuracy:.1f} % in 8 bits and "
            f"{100 * parity.accuracy:.1f} % in 32 bits ({parity.source})",
            f"at most {100 * LARGEST_FALL:g} points less",
            "export in fp32, or give more photos with --images",
        )


def _by_torch(recogniser: Recogniser) -> Answer:
    network, config = network_of(recogniser), recogniser.config

    def answer(pixels: NDArray[np.uint8], hand: HandLandmarks | None) -> NDArray[np.float32]:
        preprocessing = config.network.preprocessing
        hands = None if hand is None else hand_rows([hand])
        logits = predict_features(network, preprocessing, np.array([preprocessing.prepare(pixels)]), hands)
        row: NDArray[np.float32] = torch.softmax(logits / config.temperature, dim=1)[0].numpy()
        return row

    return answer


def _largest(off: NDArray[np.float32]) -> float:
    # A probability that is not a number counts as the largest difference.
    return float(np.nan_to_num(np.abs(off), nan=1.0).max())
