"""Metadata of an exported model, and the digest of its bundle. No torch."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from handshape.bundle import CONFIG
from handshape.errors import BundleError, ExportError

MODEL = "model.onnx"
"""Name of an exported model inside its bundle."""

_PREFIX = "handshape."


@dataclass(frozen=True)
class Metadata:
    """Metadata of an exported model.

    Args:
        labels: K labels in class order.
        threshold: Probability below which the answer is ``unsure``, in [0, 1].
        size: Height and width that images are resized to, in pixels.
        precision: ``fp32`` or ``int8``.
        opset: Version of ONNX's operators.
        bundle: Digest of the bundle that it was exported from.
        version: Version of handshape that exported it.
        trained_on: Counts, signers and kind of split of the training data.
        figures: Measured results.
        parity: Comparison with the bundle and with torch.
        attempts: How often the model looks for a hand, each time again in better boxes; 0 where
            it needs no hand, or stops by itself.
    """

    labels: tuple[str, ...]
    threshold: float
    size: int
    precision: str
    opset: int
    bundle: str
    version: str
    trained_on: dict[str, Any] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)
    parity: dict[str, Any] = field(default_factory=dict)
    attempts: int = 0

    def to_properties(self) -> dict[str, str]:
        """Return the fields as an ONNX model's ``metadata_props``, each as JSON."""
        return {
            _PREFIX + name: json.dumps(value, ensure_ascii=False, allow_nan=False)
            for name, value in asdict(self).items()
        }


def read_properties(properties: Mapping[str, str], path: Path) -> Metadata:
    """Read the metadata of an exported model.

    Args:
        properties: Its ``metadata_props``.
        path: Its file, for messages.

    Raises:
        ExportError: The model was not exported by handshape, or a field is damaged.
    """
    known = {_PREFIX + one.name: one.name for one in fields(Metadata)}
    try:
        found = {known[key]: json.loads(text) for key, text in properties.items() if key in known}
        return TypeAdapter(Metadata).validate_python(found)
    except (ValueError, ValidationError) as error:
        raise ExportError(
            f"{str(path)!r} was not exported by handshape, or is damaged",
            "a model that `handshape export` wrote",
            "export again",
        ) from error


def bundle_digest(bundle: Path) -> str:
    """Return a digest of everything that determines a bundle's predictions, 32 hexadecimal digits.

    Args:
        bundle: Folder of the bundle itself.

    Raises:
        BundleError: Its description cannot be read.
    """
    try:
        content = (bundle / CONFIG).read_bytes()  # it has digests of all other files
    except OSError as error:
        raise BundleError(
            f"cannot read {str(bundle / CONFIG)!r} ({error.strerror})", "a complete bundle", "check the path"
        ) from error
    return hashlib.blake2b(content, digest_size=16).hexdigest()
