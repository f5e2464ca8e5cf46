"""A recogniser loaded for serving, with a digest that names it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.export.metadata import bundle_digest
from handshape.recogniser import Recogniser, bundle_folder, load
from handshape.types import HandLandmarks


@dataclass(frozen=True)
class LoadedRecogniser:
    """A recogniser ready to serve.

    Args:
        recogniser: Labels, threshold, preprocessing and figures.
        run: From a photo, (H, W, 3) uint8, RGB, and its hand if it was looked for, to (K,) float32
            probabilities. Several threads call it at once.
        digest: 32 hexadecimal digits of the bundle's content.
    """

    recogniser: Recogniser
    run: Callable[[NDArray[np.uint8], HandLandmarks | None], NDArray[np.float32]]
    digest: str

    def info(self) -> dict[str, Any]:
        """Return a description of the recogniser as JSON."""
        config = self.recogniser.config
        network = config.network
        return {
            "model": self.digest,
            "labels": list(config.labels),
            "threshold": config.threshold,
            "expects_hand": config.expects_hand,
            "engine": "onnxruntime",
            "network": {
                "model": network.model,
                "backbone": network.backbone,
                "size": network.preprocessing.size,
            },
            "trained_on": config.trained_on,
            "figures": config.figures,
        }


def load_for_serving(bundle: str | Path) -> LoadedRecogniser:
    """Load a bundle.

    Nothing in a bundle is executed: settings are JSON, weights are numbers, and a graph may use only ONNX's
    own operators.

    Args:
        bundle: Its folder, the run that holds it, or its name on the hub.

    Raises:
        BundleError: The folder holds no bundle, or a file or field of it is damaged.
        HubError: The hub has no such bundle, or cannot be reached.
    """
    folder = bundle_folder(bundle)
    recogniser = load(folder)
    return LoadedRecogniser(recogniser, recogniser.classify, bundle_digest(folder))
