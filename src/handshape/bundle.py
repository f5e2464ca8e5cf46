"""The bundle: a folder with a saved recogniser, numbers and text only, so that reading it runs no code.

Its description has digests of itself and of every other file but the card, which its owner may edit. What it
claims is bounded before anything is made of it.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from handshape.bundle_check import check_tensors, digest_of, odd_values, parse_json
from handshape.data.io.labels import alike_labels
from handshape.errors import BundleError
from handshape.hub import FILE_LIMITS
from handshape.models.hand import hand_finder
from handshape.models.network_config import NetworkConfig
from handshape.regular_file import read_regular_file

FORMAT_VERSION = 3
CONFIG, MODEL, CARD, KNOWN_PHOTOS = "config.json", "model.safetensors", "README.md", "known_photos.bin"
PALM, HAND, IMAGE, HEAD = "palm.onnx", "hand.onnx", "image.onnx", "head.onnx"
"""Graphs: the palm detector, the landmark network, image features, and what classifies these."""
GRAPHS = (PALM, HAND, IMAGE, HEAD)
# Files that may have a digest, and the largest size of each in bytes.
_LIMITS = {name: FILE_LIMITS[name] for name in (CONFIG, MODEL, *GRAPHS)} | {KNOWN_PHOTOS: 256 * 1024**2}
# What a bundle may leave out, because the package has it.
_PACKAGED = {PALM: hand_finder.PALM, HAND: hand_finder.HAND}
# Largest image size in pixels; no classification network takes larger ones.
_LARGEST = 2048
# Most labels, and characters of one: the largest dictionaries of signs have a few thousand.
_MOST_LABELS, _MOST_HANDSHAPES, _LONGEST_LABEL = 5_000, 20_000, 200
_MOST_CHANNELS, _LARGEST_GRID, _MOST_FEATURES = 65_536, 1024, 2**26
_TEMPERATURES = (1e-6, 1e6)
_LEAST_STD, _LARGEST_MEAN = 1e-4, 1e4


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
        digests: BLAKE2b digest, hexadecimal, of every other file of the bundle but the card.
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


@dataclass(frozen=True)
class _LeftOut:
    kind: str
    mean: float | None = None


@dataclass(frozen=True)
class _Figures:
    """What handshape reads of a bundle's figures."""

    test_accuracy: float | None = None
    test_interval: tuple[float, float] | None = None
    left_out: _LeftOut | None = None
    signers: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, Any] | None = None


@dataclass(frozen=True)
class _TrainedOn:
    """What handshape reads of what a recogniser was trained on."""

    signers: tuple[str, ...] = ()


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
    digests = {name: _digest(content) for name, content in files.items() if name != CARD}
    (folder / CONFIG).write_text(config_text(replace(config, digests=digests)), encoding="utf-8")


def config_text(config: BundleConfig) -> str:
    """Return the text of ``config.json``, with its own digest."""
    fields = asdict(config)
    whole = {**fields, "digest": digest_of(fields)}
    return json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def file_of(folder: Path, name: str) -> Path:
    """Return where a bundle's file is: in its folder, or, where that lacks it, in the package."""
    path = folder / name
    return _PACKAGED.get(name, path) if not path.exists() else path


def read_files(folder: Path, config: BundleConfig) -> dict[str, bytes]:
    """Return the content of a bundle's weights and graphs by name; all its files but the card are checked.

    Raises:
        BundleError: A file cannot be read, or has changed.
    """
    found = {
        name: read_file(folder, config, name) for name in (MODEL, *GRAPHS) if name in (MODEL, *config.digests)
    }
    if KNOWN_PHOTOS in config.digests and (folder / KNOWN_PHOTOS).exists():  # the hub has none
        read_file(folder, config, KNOWN_PHOTOS)
    return found


def read_file(folder: Path, config: BundleConfig, name: str) -> bytes:
    """Return the content of a bundle's file, checked against its digest.

    Raises:
        BundleError: The file cannot be read, or has changed.
    """
    path = folder / name
    content = _read(path, file_of(folder, name))
    if _digest(content) != config.digests.get(name):
        raise damaged(path, "the file", "it is not the file that was saved with config.json")
    wrong = check_tensors(content) if name == MODEL else None
    if wrong is not None:
        raise damaged(path, wrong.field, wrong.reason)
    return content


def read_card(folder: Path) -> str:
    """Return the text of a bundle's model card; empty where there is none that can be read."""
    try:
        return read_regular_file(folder / CARD, FILE_LIMITS[CARD]).decode()
    except (OSError, UnicodeDecodeError):
        return ""


def _read(path: Path, place: Path) -> bytes:
    try:
        return read_regular_file(place, _LIMITS[path.name])
    except OSError as error:
        raise damaged(path, "the file", error.strerror or str(error)) from error


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def read_config(path: Path) -> BundleConfig:
    """Read and check a bundle's ``config.json``.

    Raises:
        BundleError: There is none, or it is damaged.
    """
    if not path.exists():
        raise BundleError(
            f"no bundle at {str(path.parent)!r}", f"a folder with {CONFIG} and {MODEL}", "check the path"
        )
    content = _read(path, path)
    try:
        found = parse_json(content.decode())
    except ValueError as error:
        raise damaged(path, "the file", str(error)) from error
    version = found.get("format_version") if isinstance(found, dict) else None
    if version != FORMAT_VERSION or isinstance(version, bool | float):
        raise BundleError(
            f"the bundle {str(path.parent)!r} is of format {str(version)[:40]}",
            f"format {FORMAT_VERSION}, which this version of handshape reads",
            "train it again",
        )
    odd = next(odd_values(found), None)
    if odd is not None:
        raise damaged(path, odd.field, odd.reason)
    if found.pop("digest", None) != digest_of(found):
        raise damaged(path, "digest", "the other fields are not those that it was saved with")
    config: BundleConfig = _validated(BundleConfig, found, path, ())
    _validated(_Figures, config.figures, path, ("figures",))
    _validated(_TrainedOn, config.trained_on, path, ("trained_on",))
    for name, reason in _contradictions(config):
        raise damaged(path, name, reason)
    return config


def _validated(kind: Any, found: Any, path: Path, place: tuple[str, ...]) -> Any:
    try:
        return TypeAdapter(kind).validate_python(found)
    except ValidationError as error:
        first = error.errors()[0]
        raise damaged(path, ".".join(map(str, (*place, *first["loc"]))), first["msg"]) from error


def _contradictions(config: BundleConfig) -> Iterator[tuple[str, str]]:
    """Yield fields with impossible values, and why they are impossible."""
    labels, outputs = config.labels, config.network.labels
    if len(labels) != outputs:
        yield "labels", f"has {len(labels)} for {outputs} outputs"
    if not 0 < len(labels) <= _MOST_LABELS:
        yield "labels", f"has {len(labels)}, not from 1 to {_MOST_LABELS}"
    if not all(0 < len(label) <= _LONGEST_LABEL for label in labels):
        yield "labels", f"has one that is not from 1 to {_LONGEST_LABEL} characters long"
    if alike := alike_labels(labels):
        yield "labels", f"has a label twice: {alike[0]!r} and {alike[1]!r}"
    low, high = _TEMPERATURES
    if not low <= config.temperature <= high:
        yield "temperature", f"is {config.temperature}, not a positive number from {low} to {high}"
    if not 0 <= config.threshold <= 1:
        yield "threshold", f"is {config.threshold}, not in [0, 1]"
    if others := sorted({*config.digests} - {*_LIMITS} | {*config.digests} & {CONFIG}):
        yield "digests", f"names {others[0]!r}, which is no file of a bundle"
    yield from _contradictions_of_network(config.network)


def _contradictions_of_network(network: NetworkConfig) -> Iterator[tuple[str, str]]:
    preprocessing, head = network.preprocessing, network.head
    if not 0 < preprocessing.size <= _LARGEST:
        yield "network.preprocessing.size", f"is {preprocessing.size}, not from 1 to {_LARGEST}"
    if not all(_LEAST_STD <= one <= _LARGEST_MEAN for one in preprocessing.std):
        yield "network.preprocessing.std", f"is {preprocessing.std}, not positive"
    if not all(abs(one) <= _LARGEST_MEAN for one in preprocessing.mean):
        yield "network.preprocessing.mean", f"is {preprocessing.mean}, beyond {_LARGEST_MEAN}"
    if network.feature_shape is not None:
        channels, *sides = network.feature_shape
        fits = 0 < channels <= _MOST_CHANNELS and all(0 < side <= _LARGEST_GRID for side in sides)
        if not fits or math.prod(network.feature_shape) > _MOST_FEATURES:
            yield "network.feature_shape", f"is {network.feature_shape}, more than any network gives"
    if network.handshapes is not None and not 0 < network.handshapes <= _MOST_HANDSHAPES:
        yield "network.handshapes", f"is {network.handshapes}, not from 1 to {_MOST_HANDSHAPES}"
    if head is not None and not (head.pool or 0) <= _LARGEST_GRID:
        yield "network.head.pool", f"is {head.pool}, not at most {_LARGEST_GRID}"
    if head is not None and not 0 < head.hidden <= _MOST_CHANNELS:
        yield "network.head.hidden", f"is {head.hidden}, not from 1 to {_MOST_CHANNELS}"
    if head is not None and not 0 <= head.graph_bytes <= FILE_LIMITS[MODEL]:
        yield "network.head.graph_bytes", f"is {head.graph_bytes}, more than a file holds"


def damaged(path: Path, field_name: str, reason: str) -> BundleError:
    """Return the error of a damaged file of a bundle."""
    return BundleError(
        f"the bundle's {path.name} is damaged at {field_name!r}: {' '.join(reason.split())}",
        "a bundle as handshape saved it",
        f"train it again, or copy {path.parent.name!r} again",
    )
