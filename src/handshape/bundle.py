"""The bundle: a folder with a saved recogniser, numbers and text only, so that reading it runs no code."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from handshape.errors import BundleError
from handshape.models.hand import hand_finder
from handshape.models.network_config import NetworkConfig

FORMAT_VERSION = 2
CONFIG, MODEL, CARD, KNOWN_PHOTOS = "config.json", "model.safetensors", "README.md", "known_photos.bin"
PALM, HAND, IMAGE, HEAD = "palm.onnx", "hand.onnx", "image.onnx", "head.onnx"
"""Graphs: the palm detector, the landmark network, image features, and what classifies these."""
GRAPHS = (PALM, HAND, IMAGE, HEAD)
# What a bundle may leave out, because the package has it.
_PACKAGED = {PALM: hand_finder.PALM, HAND: hand_finder.HAND}
# Largest image size in pixels; no classification network takes larger ones.
_LARGEST = 2048


@dataclass(frozen=True)
class BundleConfig:
    """Content of a bundle's ``config.json``.

    Args:
        format_version: Version of the bundle's layout.
        labels: K labels in class order.
        network: Description of the network and its preprocessing.
        temperature: Divides the logits before the softmax.
        threshold: Probability below which the answer is ``unsure``, in [0, 1].
        trained_on: Counts, signers and kind of split of the training data.
        figures: Measured results.
        expects_hand: Whether the answer is ``no hand`` where none is found.
        digests: BLAKE2b digest, hexadecimal, of every other file of the bundle.
    """

    labels: tuple[str, ...]
    network: NetworkConfig
    temperature: float = 1.0
    threshold: float = 0.0
    trained_on: dict[str, Any] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)
    expects_hand: bool = False
    digests: dict[str, str] = field(default_factory=dict, compare=False)
    format_version: int = FORMAT_VERSION


def known_photos(photos: Iterable[tuple[str, int]]) -> bytes:
    """Return 16 bytes for each photo: half of its content digest, and its perceptual hash.

    Args:
        photos: Content digest, hexadecimal, and perceptual hash of each training and validation photo.
    """
    return b"".join(sorted(bytes.fromhex(digest)[:8] + phash.to_bytes(8) for digest, phash in photos))


def write_bundle(folder: Path, config: BundleConfig, files: dict[str, bytes]) -> None:
    """Write a bundle into a new folder.

    Args:
        folder: A new folder.
        config: Its description; the digests are filled in.
        files: Content of every other file, by name.
    """
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    digests = {name: _digest(content) for name, content in files.items()}
    (folder / CONFIG).write_text(config_text(replace(config, digests=digests)), encoding="utf-8")


def config_text(config: BundleConfig) -> str:
    """Return the text of ``config.json``."""
    return json.dumps(asdict(config), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def file_of(folder: Path, name: str) -> Path:
    """Return where a bundle's file is: in its folder, or, where that lacks it, in the package."""
    path = folder / name
    return _PACKAGED.get(name, path) if not path.exists() else path


def read_file(folder: Path, config: BundleConfig, name: str) -> bytes:
    """Return the content of a bundle's file, checked against its digest.

    Raises:
        BundleError: The file cannot be read, or has changed.
    """
    try:
        content = file_of(folder, name).read_bytes()
    except OSError as error:
        raise damaged(folder / name, "the file", str(error)) from error
    if _digest(content) != config.digests.get(name):
        raise damaged(folder / name, "the file", "it is not the file that was saved with config.json")
    return content


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def read_config(path: Path) -> BundleConfig:
    """Read and check a bundle's ``config.json``.

    Raises:
        BundleError: There is none, or it is damaged.
    """
    if not path.is_file():
        raise BundleError(
            f"no bundle at {str(path.parent)!r}", f"a folder with {CONFIG} and {MODEL}", "check the path"
        )
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise damaged(path, "the file", str(error)) from error
    version = found.get("format_version") if isinstance(found, dict) else None
    if version != FORMAT_VERSION:
        raise BundleError(
            f"the bundle {str(path.parent)!r} is of format {version!r}",
            f"format {FORMAT_VERSION}, which this version of handshape reads",
            "train it again",
        )
    try:
        config = TypeAdapter(BundleConfig).validate_python(found)
    except ValidationError as error:
        first = error.errors()[0]
        raise damaged(path, ".".join(map(str, first["loc"])), first["msg"]) from error
    for name, reason in _contradictions(config):
        raise damaged(path, name, reason)
    return config


def _contradictions(config: BundleConfig) -> Iterator[tuple[str, str]]:
    """Yield fields with impossible values, and why they are impossible."""
    labels, outputs, preprocessing = config.labels, config.network.labels, config.network.preprocessing
    if len(labels) != outputs:
        yield "labels", f"has {len(labels)} for {outputs} outputs"
    if len(set(labels)) != len(labels) or not labels:
        yield "labels", "is empty, or has a label twice"
    if not 0 < config.temperature < float("inf"):
        yield "temperature", f"is {config.temperature}, not a positive number"
    if not 0 <= config.threshold <= 1:
        yield "threshold", f"is {config.threshold}, not in [0, 1]"
    if not 0 < preprocessing.size <= _LARGEST:
        yield "network.preprocessing.size", f"is {preprocessing.size}, not from 1 to {_LARGEST}"
    if not all(0 < deviation < float("inf") for deviation in preprocessing.std):
        yield "network.preprocessing.std", f"is {preprocessing.std}, not positive"


def damaged(path: Path, field_name: str, reason: str) -> BundleError:
    """Return the error of a damaged file of a bundle."""
    return BundleError(
        f"the bundle's {path.name} is damaged at {field_name!r}: {' '.join(reason.split())}",
        "a bundle as handshape saved it",
        f"train it again, or copy {path.parent.name!r} again",
    )
