"""What an exported model says of itself, and which bundle it belongs to. No torch."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from handshape.errors import BundleError, ExportError

MODEL = "model.onnx"
"""Name of an exported model inside its bundle."""

_PREFIX = "handshape."
_PARTS = ("config.json", "model.safetensors")


@dataclass(frozen=True)
class Metadata:
    """What an exported model says of itself.

    Args:
        labels: K labels in class order.
        threshold: Probability below which the answer is ``unsure``, in [0, 1].
        size: Height and width that images are resized to, in pixels.
        precision: ``fp32`` or ``int8``.
        opset: Version of ONNX's operators.
        bundle: Digest of the bundle that it was exported from.
        version: Of the handshape that exported it.
        trained_on: Counts, signers and kind of split of the training data.
        figures: Measured figures.
        parity: What was measured before it was written.
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

    def to_properties(self) -> dict[str, str]:
        """Return the fields as an ONNX model's ``metadata_props``, each as JSON."""
        return {
            _PREFIX + name: json.dumps(value, ensure_ascii=False, allow_nan=False)
            for name, value in asdict(self).items()
        }


def read_properties(properties: Mapping[str, str], path: Path) -> Metadata:
    """Read what an exported model says of itself.

    Args:
        properties: Its ``metadata_props``.
        path: Its file, for messages.

    Returns:
        The metadata.

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
    """Return 32 hexadecimal digits that stand for all that decides a bundle's answers.

    Args:
        bundle: Folder of the bundle itself.

    Raises:
        BundleError: A file of it cannot be read.
    """
    digest = hashlib.blake2b(digest_size=16)
    for name in _PARTS:
        try:
            with (bundle / name).open("rb") as file:
                digest.update(hashlib.file_digest(file, "blake2b").digest())
        except OSError as error:
            raise BundleError(
                f"cannot read {str(bundle / name)!r} ({error.strerror})",
                "a whole bundle",
                "check the path",
            ) from error
    return digest.hexdigest()
