"""What reads prepared photos: a bundle's network by ONNX Runtime where it was exported, else by torch."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from handshape.recogniser import Recogniser, load

Run = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


@dataclass(frozen=True)
class Reader:
    """A recogniser ready to serve.

    Args:
        recogniser: Labels, threshold, preprocessing and figures.
        run: From (N, size, size, 3) uint8 prepared photos to (N, K) float32 probabilities; called by several
            threads at once.
        kind: What computes.
        digest: 32 hexadecimal digits that stand for the recogniser.
    """

    recogniser: Recogniser
    run: Run
    kind: Literal["onnxruntime", "torch"]
    digest: str


def open_reader(bundle: Path) -> Reader:
    """Load a bundle, or the run that holds one.

    Args:
        bundle: Its folder.

    Returns:
        A reader of its network.

    Raises:
        BundleError: The folder holds no bundle, or a file or field of it is damaged.
    """
    place = bundle.expanduser()
    place = place / "recogniser" if (place / "recogniser").is_dir() else place
    recogniser = load(place)
    return Reader(recogniser, recogniser.prepared_probabilities, "torch", bundle_digest(place))


def bundle_digest(place: Path) -> str:
    """Return 32 hexadecimal digits that stand for a bundle's content."""
    digest = blake2b(digest_size=16)
    for name in ("config.json", "model.safetensors"):
        digest.update((place / name).read_bytes())
    return digest.hexdigest()
