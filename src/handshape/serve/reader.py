"""What reads photos: a bundle's network by ONNX Runtime where it was exported, else by torch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from handshape.errors import ExportError, MissingExtraError
from handshape.export.metadata import bundle_digest
from handshape.export.runtime import Runtime, has_export
from handshape.progress import say
from handshape.recogniser import Recogniser, bundle_folder, load

Run = Callable[[Sequence[NDArray[np.uint8]]], NDArray[np.float32]]
_TOLERANCE = 0.02  # an int8 export differs by about as much


@dataclass(frozen=True)
class Reading:
    """What was read in one photo.

    Args:
        label: The most probable label, or ``unsure``.
        probability: Of the most probable label, in [0, 1].
        sure: Whether that reaches the recogniser's threshold.
        top: The most probable labels with their probabilities, best first.
        milliseconds: From the photo's arrival to its reading.
        model: Digest of the recogniser that read it.
    """

    label: str
    probability: float
    sure: bool
    top: tuple[tuple[str, float], ...]
    milliseconds: float
    model: str


@dataclass(frozen=True)
class Reader:
    """A recogniser ready to serve.

    Args:
        recogniser: Labels, threshold, preprocessing and figures.
        run: From N photos, (H, W, 3) uint8, RGB, to (N, K) float32 probabilities; called by several threads
            at once, and fastest with photos that are prepared.
        kind: What computes.
        digest: 32 hexadecimal digits that stand for the recogniser.
    """

    recogniser: Recogniser
    run: Run
    kind: Literal["onnxruntime", "torch"]
    digest: str

    def prepare(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Resize an (H, W, 3) image as the network would, so that photos of all sizes make one batch."""
        return self.recogniser.config.network.preprocessing.prepare(image)

    def reading(self, probabilities: NDArray[np.float32], milliseconds: float) -> Reading:
        """Turn (K,) probabilities into what a client is told."""
        answer = self.recogniser.answer(probabilities)
        sure = answer.probability >= self.recogniser.config.threshold
        return Reading(answer.label, answer.probability, sure, answer.top, milliseconds, self.digest)


def open_reader(bundle: str | Path, *, threads: int = 1) -> Reader:
    """Load a bundle, with what was exported into it if that answers as its network does.

    Nothing in a bundle is executed: settings are JSON, weights are numbers, and a graph may only use ONNX's
    own operators and the files beside it.

    Args:
        bundle: Its folder, the run that holds it, or its name on the hub.
        threads: Threads that compute one call, 0 for one per core. An engine's threads call side by side.

    Returns:
        A reader of its network.

    Raises:
        BundleError: The folder holds no bundle, or a file or field of it is damaged.
        HubError: The hub has no such bundle, or cannot be reached.
    """
    place = bundle_folder(bundle)
    recogniser = load(place)
    digest = bundle_digest(place)
    if has_export(place):
        try:
            runtime = Runtime.of_bundle(place, threads=threads or None)
            _check_alike(runtime, recogniser, place)
        except (ExportError, MissingExtraError) as error:
            say(f"Reading with torch, for {error}")
        else:
            return Reader(recogniser, runtime.probabilities, "onnxruntime", digest)
    return Reader(recogniser, recogniser.probabilities, "torch", digest)


def _check_alike(runtime: Runtime, recogniser: Recogniser, place: Path) -> None:
    """Refuse an exported model that says of itself what it is not."""
    pixels = np.random.default_rng(0).integers(0, 256, (2, 100, 80, 3), dtype=np.uint8)
    try:
        found, expected = runtime.probabilities(pixels), recogniser.probabilities(pixels)
        alike = found.shape == expected.shape and np.abs(found - expected).max() < _TOLERANCE
    except Exception:  # a graph of another shape makes the runtime raise its own, private errors
        alike = False
    if not alike:
        raise ExportError(
            f"the model exported into {place.name!r} answers otherwise than its network",
            "the same answers",
            "run `handshape export` again",
        )
