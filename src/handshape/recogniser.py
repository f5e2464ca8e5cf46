"""A recogniser: preprocessing, network, labels and threshold, saved as one bundle that executes nothing."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from handshape.data.images.in_memory import ImageLike, as_pixels
from handshape.errors import BundleError
from handshape.hub import PREFIX, fetch_bundle
from handshape.inference.batch_retry import Portions, is_memory_full
from handshape.models.network import NetworkConfig, check_features, empty_network
from handshape.run import find_bundle
from handshape.training.predict import probabilities_of
from handshape.types import UNSURE, Prediction

FORMAT_VERSION = 1
_CONFIG, _MODEL, _CARD = "config.json", "model.safetensors", "README.md"
# Pixels along a side; no classification network is trained on larger images.
_LARGEST = 2048


@dataclass(frozen=True)
class BundleConfig:
    """What a bundle's ``config.json`` holds.

    Args:
        format_version: Of the bundle's layout.
        labels: K labels in class order.
        network: Description of the network and its preprocessing.
        temperature: Logits are divided by it before the softmax.
        threshold: Probability below which the answer is ``unsure``, in [0, 1].
        trained_on: Counts, signers and kind of split of the training data.
        figures: Measured figures.
    """

    labels: tuple[str, ...]
    network: NetworkConfig
    temperature: float = 1.0
    threshold: float = 0.0
    trained_on: dict[str, Any] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION


class Recogniser:
    """Reads the label of a hand-sign image.

    Args:
        network: From (N, 3, H, W) normalised images to (N, K) logits.
        config: Labels, preprocessing, temperature, threshold and what is known about the recogniser.
    """

    def __init__(self, network: nn.Module, config: BundleConfig) -> None:
        self.network, self.config = network.eval(), config
        self._portions = Portions()

    @property
    def labels(self) -> tuple[str, ...]:
        """K labels in class order."""
        return self.config.labels

    def predict(self, image: ImageLike) -> Prediction:
        """Read one image.

        Args:
            image: A path, a Pillow image, or an (H, W, 3) uint8 array in RGB order.

        Returns:
            Its label with probabilities.

        Raises:
            ImageError: The image cannot be read.
            ShapeError: An array is not (H, W, 3) uint8.
        """
        return self.answer(self.probabilities([image])[0])

    def probabilities(self, images: Iterable[ImageLike], *, batch_size: int = 32) -> NDArray[np.float32]:
        """Read many images.

        Args:
            images: N paths, Pillow images or arrays.
            batch_size: Images that are in memory at once.

        Returns:
            (N, K) float32 probabilities; rows sum to 1.

        Raises:
            ImageError: An image cannot be read.
            ShapeError: An array is not (H, W, 3) uint8.
        """
        prepare = self.config.network.preprocessing.prepare
        rows: list[NDArray[np.float32]] = []
        batch: list[NDArray[np.uint8]] = []
        for image in images:
            batch.append(prepare(as_pixels(image)))
            if len(batch) == batch_size:
                rows.append(self.prepared_probabilities(np.stack(batch)))
                batch = []
        if batch:
            rows.append(self.prepared_probabilities(np.stack(batch)))
        return np.concatenate(rows) if rows else np.zeros((0, len(self.labels)), dtype=np.float32)

    def prepared_probabilities(self, prepared: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Read prepared images.

        Args:
            prepared: (N, size, size, 3) uint8, RGB.

        Returns:
            (N, K) float32 probabilities.

        Raises:
            MemoryFullError: Memory does not hold even one image.
        """
        logits = self._portions.work(partial(self._logits, prepared), len(prepared))
        return probabilities_of(logits, self.config.temperature)

    def _logits(self, prepared: NDArray[np.uint8], cuts: list[slice]) -> Tensor:
        normalise = self.config.network.preprocessing.normalise
        with torch.inference_mode():
            return torch.cat([self.network(normalise(torch.from_numpy(prepared[cut]))) for cut in cuts])

    def answer(self, probabilities: NDArray[np.float32], *, top: int = 3) -> Prediction:
        """Turn one row of probabilities into an answer.

        Args:
            probabilities: (K,) float32.
            top: How many of the most probable labels to give.
        """
        order = np.argsort(-probabilities, kind="stable")[:top]
        best = tuple((self.labels[i], float(probabilities[i])) for i in order)
        label, probability = best[0]
        sure = probability >= self.config.threshold
        return Prediction(label if sure else UNSURE, probability, best, sure)

    def save(self, folder: str | Path, card: str) -> None:
        """Write the bundle into a new folder.

        Args:
            folder: Made here; the caller sees to it that it appears whole (see `handshape.run`).
            card: Text of the model card.
        """
        place = Path(folder)
        place.mkdir(parents=True)
        state = {name: tensor.contiguous() for name, tensor in self.network.state_dict().items()}
        # Not save_file, whose file nobody but its owner may read.
        (place / _MODEL).write_bytes(save(state, metadata={"format": "pt"}))
        text = json.dumps(asdict(self.config), indent=2, ensure_ascii=False, allow_nan=False)
        (place / _CONFIG).write_text(text + "\n", encoding="utf-8")
        (place / _CARD).write_text(card, encoding="utf-8")


def load(bundle: str | Path) -> Recogniser:
    """Load a recogniser from its bundle, from the run that holds it, or from the Hugging Face hub.

    Args:
        bundle: Folder of a bundle or of a run, or ``hub:owner/name``, or ``hub:owner/name@revision``.

    Returns:
        The recogniser, on the CPU.

    Raises:
        BundleError: The folder holds no bundle, or a file or field of it is damaged.
        HubError: The hub has no such bundle, or cannot be reached.
        MissingExtraError: The bundle is on the hub, and the extra ``hub`` is not installed.
    """
    place = bundle_folder(bundle)
    config = _read_config(place / _CONFIG)
    try:
        network = empty_network(config.network)
    except Exception as error:  # a wrong description makes torch raise nearly anything
        if is_memory_full(error):
            raise
        raise _damaged(place / _CONFIG, "network", str(error)) from error
    try:
        state = load_file(place / _MODEL)
    except (OSError, SafetensorError) as error:
        raise _damaged(place / _MODEL, "the file", str(error)) from error
    _check_tensors(place / _MODEL, network.state_dict(), state)
    network.load_state_dict(state, strict=True, assign=True)
    network = network.to(memory_format=torch.channels_last).eval()
    try:
        check_features(network, config.network)
    except Exception as error:
        if is_memory_full(error):
            raise
        raise _damaged(place / _CONFIG, "network", str(error)) from error
    return Recogniser(network, config)


def bundle_folder(bundle: str | Path) -> Path:
    """Return the folder that holds a bundle's files, downloaded where it is on the hub.

    Args:
        bundle: As for `load`.

    Returns:
        The folder; whether a whole bundle is in it is for `load` to say.

    Raises:
        HubError: The hub has no such bundle, or cannot be reached.
        MissingExtraError: The bundle is on the hub, and the extra ``hub`` is not installed.
    """
    name = bundle.as_posix() if isinstance(bundle, Path) else bundle
    if name.startswith(PREFIX):
        return fetch_bundle(name)
    return find_bundle(bundle)


def _check_tensors(path: Path, expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    for name in sorted({*expected, *found}):
        if name not in found:
            raise _damaged(path, name, "is missing")
        if name not in expected:
            raise _damaged(path, name, "does not belong to this network")
        kinds = [f"{tensor.dtype} of shape {tuple(tensor.shape)}" for tensor in (found[name], expected[name])]
        if kinds[0] != kinds[1]:
            raise _damaged(path, name, f"is {kinds[0]} instead of {kinds[1]}")


def _read_config(path: Path) -> BundleConfig:
    if not path.is_file():
        raise BundleError(
            f"no bundle at {str(path.parent)!r}", f"a folder with {_CONFIG} and {_MODEL}", "check the path"
        )
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(path, "the file", str(error)) from error
    version = found.get("format_version") if isinstance(found, dict) else None
    if version != FORMAT_VERSION:
        raise _damaged(path, "format_version", f"is {version!r}, and this handshape reads {FORMAT_VERSION}")
    try:
        config = TypeAdapter(BundleConfig).validate_python(found)
    except ValidationError as error:
        first = error.errors()[0]
        raise _damaged(path, ".".join(map(str, first["loc"])), first["msg"]) from error
    for name, reason in _contradictions(config):
        raise _damaged(path, name, reason)
    return config


def _contradictions(config: BundleConfig) -> Iterator[tuple[str, str]]:
    """Yield fields whose values have the right type and cannot be, and why."""
    labels, outputs, preprocessing = config.labels, config.network.labels, config.network.preprocessing
    if len(labels) != outputs:
        yield "labels", f"names {len(labels)} for {outputs} outputs"
    if len(set(labels)) != len(labels) or not labels:
        yield "labels", "names none, or one twice"
    if not 0 < config.temperature < float("inf"):
        yield "temperature", f"is {config.temperature}, not a positive number"
    if not 0 <= config.threshold <= 1:
        yield "threshold", f"is {config.threshold}, not in [0, 1]"
    if not 0 < preprocessing.size <= _LARGEST:
        yield "network.preprocessing.size", f"is {preprocessing.size}, not from 1 to {_LARGEST}"
    if not all(0 < deviation < float("inf") for deviation in preprocessing.std):
        yield "network.preprocessing.std", f"is {preprocessing.std}, not positive"


def _damaged(path: Path, field_name: str, reason: str) -> BundleError:
    return BundleError(
        f"the bundle's {path.name} is damaged at {field_name!r}: {' '.join(reason.split())}",
        "a bundle as handshape writes it",
        f"train again or copy {path.parent.name!r} anew",
    )
