"""The statistics of a landmark classifier as JSON, to which the exported page adds signs in the browser."""

import base64
from hashlib import blake2b
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from handshape.bundle import HAND, MODEL
from handshape.models.hand.hand_finder import EMBEDDING_WIDTH, LANDMARK_WIDTH, METHOD
from handshape.models.hand.pose_fit import SPREAD, fit_settings
from handshape.recogniser import Recogniser

_KEPT = ("counts", "means", "membership")
_SUMMED = ("landmark_scatter", "embedding_scatter")
# Where the landmark classifier is in the network of each model that has one.
_PLACES = {"landmarks": "", "combined": "landmarks."}


def signs_of(recogniser: Recogniser) -> dict[str, Any] | None:
    """Return all that a classifier of a recogniser's labels and of new ones is fitted from.

    Args:
        recogniser: The recogniser.

    Returns:
        JSON types: K labels; the classifier's arrays by name, with shape and float32 data in base64, the
        scatters summed over labels; and the numbers of the fit. None for models without hand landmarks.
    """
    config = recogniser.config
    place = _PLACES.get(config.network.model)
    if place is None:
        return None
    state = safetensors.numpy.load(recogniser.files[MODEL])
    arrays = {name: state[f"{place}pose.{name}"] for name in _KEPT}
    arrays |= {name: state[f"{place}pose.{name}"].sum(axis=0) for name in _SUMMED}
    arrays |= {name: state[place + name] for name in ("log_found", "log_missed")}
    arrays["spread"] = np.load(SPREAD)
    return {
        "labels": list(config.labels),
        "temperature": float(state[f"{place}pose.temperature"]),
        # What a combined model's probabilities are divided by is not that of its landmark classifier.
        "calibration": config.temperature if config.network.model == "landmarks" else 1.0,
        "widths": {"landmarks": LANDMARK_WIDTH, "embedding": EMBEDDING_WIDTH},
        "fit": fit_settings(),
        "arrays": {name: _packed(array) for name, array in arrays.items()},
    }


def method_of(recogniser: Recogniser) -> str:
    """Return a digest of how hands are found: landmarks that were found in another way are found again."""
    return blake2b(METHOD.encode() + recogniser.files[HAND], digest_size=8).hexdigest()


def _packed(array: NDArray[np.float32]) -> dict[str, Any]:
    content = np.ascontiguousarray(array, dtype="<f4").tobytes()
    return {"shape": list(array.shape), "float32": base64.b64encode(content).decode()}
