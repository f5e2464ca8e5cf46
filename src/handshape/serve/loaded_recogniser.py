"""A recogniser loaded for serving: run by ONNX Runtime where it was exported, else by torch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from handshape.errors import ExportError, MissingExtraError
from handshape.export.metadata import bundle_digest
from handshape.export.runtime import Runtime, has_export
from handshape.progress import say
from handshape.recogniser import Recogniser, bundle_folder, load

_TOLERANCE = 0.02  # an int8 export differs by about as much


@dataclass(frozen=True)
class LoadedRecogniser:
    """A recogniser ready to serve.

    Args:
        recogniser: Labels, threshold, preprocessing and figures.
        run: From N photos, (H, W, 3) uint8, RGB, to (N, K) float32 probabilities. Several threads call it at
            once; it is fastest with prepared photos.
        engine: What runs the network.
        digest: 32 hexadecimal digits of the bundle's content.
    """

    recogniser: Recogniser
    run: Callable[[Sequence[NDArray[np.uint8]]], NDArray[np.float32]]
    engine: Literal["onnxruntime", "torch"]
    digest: str

    def prepare(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Resize an (H, W, 3) image as the network would, so that photos of all sizes make one batch."""
        return self.recogniser.config.network.preprocessing.prepare(image)

    def info(self) -> dict[str, Any]:
        """Return a description of the recogniser as JSON."""
        config = self.recogniser.config
        network = config.network
        return {
            "model": self.digest,
            "labels": list(config.labels),
            "threshold": config.threshold,
            "engine": self.engine,
            "network": {
                "model": network.model,
                "backbone": network.backbone,
                "size": network.preprocessing.size,
            },
            "trained_on": config.trained_on,
            "figures": config.figures,
        }


def load_for_serving(bundle: str | Path, *, threads: int = 1) -> LoadedRecogniser:
    """Load a bundle, with the model exported into it where its predictions agree with the network's.

    Nothing in a bundle is executed: settings are JSON, weights are numbers, and a graph may use only ONNX's
    own operators and the files beside it.

    Args:
        bundle: Its folder, the run that holds it, or its name on the hub.
        threads: Threads of one call of ONNX Runtime, 0 for one per core.

    Raises:
        BundleError: The folder holds no bundle, or a file or field of it is damaged.
        HubError: The hub has no such bundle, or cannot be reached.
    """
    folder = bundle_folder(bundle)
    recogniser, digest = load(folder), bundle_digest(folder)
    if has_export(folder):
        try:
            runtime = Runtime.of_bundle(folder, threads=threads or None)
            _check_predictions(runtime, recogniser, folder)
        except (ExportError, MissingExtraError) as error:
            say(f"Predicting with torch: {error}")
        else:
            return LoadedRecogniser(recogniser, runtime.probabilities, "onnxruntime", digest)
    return LoadedRecogniser(recogniser, recogniser.probabilities, "torch", digest)


def _check_predictions(runtime: Runtime, recogniser: Recogniser, folder: Path) -> None:
    """Refuse an exported model whose predictions differ from the network's."""
    pixels = np.random.default_rng(0).integers(0, 256, (2, 100, 80, 3), dtype=np.uint8)
    try:
        found, expected = runtime.probabilities(pixels), recogniser.probabilities(pixels)
        alike = found.shape == expected.shape and np.abs(found - expected).max() < _TOLERANCE
    except Exception:  # a graph of another shape makes ONNX Runtime raise its own, private errors
        alike = False
    if not alike:
        raise ExportError(
            f"the model exported into {folder.name!r} predicts otherwise than its network",
            "the same predictions",
            "run `handshape export` again",
        )
