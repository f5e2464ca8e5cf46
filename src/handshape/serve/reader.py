"""What reads decoded photos: a bundle's network by ONNX Runtime where it was exported, else by torch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from handshape.recogniser import Recogniser, load

Run = Callable[[Sequence[NDArray[np.uint8]]], NDArray[np.float32]]
# Larger photos are resized at once, so that no batch of them has to be held.
_KEPT_PIXELS = 1_000_000


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
        run: From N decoded photos, (H, W, 3) uint8, RGB, each of any size, to (N, K) float32 probabilities;
            called by several threads at once.
        kind: What computes.
        digest: 32 hexadecimal digits that stand for the recogniser.
    """

    recogniser: Recogniser
    run: Run
    kind: Literal["onnxruntime", "torch"]
    digest: str

    def shrink(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return an (H, W, 3) image, or what reading would make of it anyway if that is much smaller."""
        if image.shape[0] * image.shape[1] <= _KEPT_PIXELS:
            return image
        return self.recogniser.config.network.preprocessing.prepare(image)

    def reading(self, probabilities: NDArray[np.float32], milliseconds: float) -> Reading:
        """Turn (K,) probabilities into what a client is told."""
        answer = self.recogniser.answer(probabilities)
        sure = answer.probability >= self.recogniser.config.threshold
        return Reading(answer.label, answer.probability, sure, answer.top, milliseconds, self.digest)


def open_reader(bundle: Path, *, threads: int = 1) -> Reader:
    """Load a bundle, or the run that holds one.

    Args:
        bundle: Its folder.
        threads: Threads that compute one call, 0 for one per core. An engine's threads call side by side.

    Returns:
        A reader of its network.

    Raises:
        BundleError: The folder holds no bundle, or a file or field of it is damaged.
    """
    place = bundle.expanduser()
    place = place / "recogniser" if (place / "recogniser").is_dir() else place
    recogniser = load(place)
    return Reader(recogniser, recogniser.probabilities, "torch", bundle_digest(place))


def bundle_digest(place: Path) -> str:
    """Return 32 hexadecimal digits that stand for a bundle's content."""
    digest = blake2b(digest_size=16)
    for name in ("config.json", "model.safetensors"):
        digest.update((place / name).read_bytes())
    return digest.hexdigest()
