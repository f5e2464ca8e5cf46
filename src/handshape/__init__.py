"""handshape: from labelled hand-sign photos to a recogniser whose accuracy can be believed."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from handshape.api import (
        compare,
        draw,
        evaluate,
        export_bundle,
        extract_features,
        inspect,
        push,
        study,
        train,
    )
    from handshape.data.io.folder import read_folder
    from handshape.errors import HandshapeError
    from handshape.estimator import SignClassifier
    from handshape.recogniser import Recogniser, load
    from handshape.types import Prediction

__all__ = [
    "HandshapeError",
    "Prediction",
    "Recogniser",
    "SignClassifier",
    "compare",
    "draw",
    "evaluate",
    "export_bundle",
    "extract_features",
    "inspect",
    "load",
    "push",
    "read_folder",
    "study",
    "train",
]
_HOMES = {
    "HandshapeError": "errors",
    "Prediction": "types",
    "Recogniser": "recogniser",
    "SignClassifier": "estimator",
    "load": "recogniser",
}


def __getattr__(name: str) -> Any:
    # Nothing is imported before it is asked for, so that `handshape --help` need not wait for torch.
    if name not in __all__:
        raise AttributeError(f"module 'handshape' has no attribute {name!r}")
    home = "data.io.folder" if name == "read_folder" else _HOMES.get(name, "api")
    return getattr(import_module(f"handshape.{home}"), name)
