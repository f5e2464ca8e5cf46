"""A recogniser: preprocessing, network, labels and threshold, saved as one bundle without code."""

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import save
from torch import Tensor

from handshape.bundle import (
    CARD,
    CONFIG,
    KNOWN_PHOTOS,
    MODEL,
    BundleConfig,
    damaged,
    read_config,
    read_file,
    write_bundle,
)
from handshape.data.images.in_memory import ImageLike, to_pixels
from handshape.hub import PREFIX, fetch_bundle
from handshape.inference.batch_retry import Portions, is_memory_full
from handshape.models.build import check_features, empty_network
from handshape.models.sign_network import SignNetwork
from handshape.run import find_bundle
from handshape.training.predict import probabilities_of
from handshape.types import UNSURE, Prediction


class Recogniser:
    """Predicts the label of a hand-sign image.

    Args:
        network: From (N, 3, H, W) normalised images to (N, K) logits.
        config: Labels, preprocessing, temperature, threshold, and how the recogniser was trained.
    """

    def __init__(self, network: SignNetwork, config: BundleConfig) -> None:
        self.network, self.config = network.eval(), config
        self._portions = Portions()

    @property
    def labels(self) -> tuple[str, ...]:
        """K labels in class order."""
        return self.config.labels

    def predict(self, image: ImageLike) -> Prediction:
        """Predict the label of one image.

        Args:
            image: A path, a Pillow image, or an (H, W, 3) uint8 array in RGB order.

        Returns:
            The label with probabilities.

        Raises:
            ImageError: The image cannot be read.
            ShapeError: An array is not (H, W, 3) uint8.
        """
        return self.answer(self.probabilities([image])[0])

    def probabilities(self, images: Iterable[ImageLike], *, batch_size: int = 32) -> NDArray[np.float32]:
        """Return the probabilities of many images.

        Args:
            images: N paths, Pillow images or arrays.
            batch_size: Number of images in memory at once.

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
            batch.append(prepare(to_pixels(image)))
            if len(batch) == batch_size:
                rows.append(self.prepared_probabilities(np.stack(batch)))
                batch = []
        if batch:
            rows.append(self.prepared_probabilities(np.stack(batch)))
        return np.concatenate(rows) if rows else np.zeros((0, len(self.labels)), dtype=np.float32)

    def prepared_probabilities(self, prepared: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the probabilities of prepared images.

        Args:
            prepared: (N, size, size, 3) uint8, RGB.

        Returns:
            (N, K) float32 probabilities.

        Raises:
            MemoryFullError: There is not enough memory for a single image.
        """
        logits = self._portions.work(partial(self._logits, prepared), len(prepared))
        return probabilities_of(logits, self.config.temperature)

    def _logits(self, prepared: NDArray[np.uint8], cuts: list[slice]) -> Tensor:
        normalise = self.config.network.preprocessing.normalise
        with torch.inference_mode():
            return torch.cat([self.network(normalise(torch.from_numpy(prepared[cut]))) for cut in cuts])

    def answer(self, probabilities: NDArray[np.float32], *, top: int = 3) -> Prediction:
        """Turn one row of probabilities into a prediction.

        Args:
            probabilities: (K,) float32.
            top: Number of most probable labels to return.
        """
        order = np.argsort(-probabilities, kind="stable")[:top]
        best = tuple((self.labels[i], float(probabilities[i])) for i in order)
        label, probability = best[0]
        sure = probability >= self.config.threshold
        return Prediction(label if sure else UNSURE, probability, best, sure)

    def save(self, folder: str | Path, card: str, known_photos: bytes = b"") -> None:
        """Write the bundle into a new folder.

        Args:
            folder: A new folder.
            card: Text of the model card.
            known_photos: From `handshape.bundle.known_photos`; empty for none.
        """
        state = {name: tensor.contiguous() for name, tensor in self.network.state_dict().items()}
        files = {MODEL: save(state, metadata={"format": "pt"}), CARD: card.encode()}
        if known_photos:
            files[KNOWN_PHOTOS] = known_photos
        write_bundle(Path(folder), self.config, files)


def load(bundle: str | Path) -> Recogniser:
    """Load a recogniser from its bundle, from its run, or from the Hugging Face hub.

    Args:
        bundle: Folder of a bundle or of a run, or ``hub:owner/name``, or ``hub:owner/name@revision``.

    Returns:
        The recogniser, on the CPU.

    Raises:
        BundleError: There is no bundle in the folder, or it is damaged.
        HubError: The bundle is not on the hub, or the hub cannot be reached.
        MissingExtraError: The bundle is on the hub, and the extra ``hub`` is not installed.
    """
    place = bundle_folder(bundle)
    config = read_config(place / CONFIG)
    try:
        network = empty_network(config.network)
    except Exception as error:  # torch raises many kinds of errors for a wrong description
        if is_memory_full(error):
            raise
        raise damaged(place / CONFIG, "network", str(error)) from error
    try:
        state = safetensors.torch.load(read_file(place, config, MODEL))
    except SafetensorError as error:
        raise damaged(place / MODEL, "the file", str(error)) from error
    _check_tensors(place / MODEL, network.state_dict(), state)
    network.load_state_dict(state, strict=True, assign=True)
    network = network.to(memory_format=torch.channels_last).eval()
    try:
        check_features(network, config.network)
    except Exception as error:
        if is_memory_full(error):
            raise
        raise damaged(place / CONFIG, "network", str(error)) from error
    return Recogniser(network, config)


def bundle_folder(bundle: str | Path) -> Path:
    """Return the folder that holds a bundle's files, downloaded where it is on the hub.

    Args:
        bundle: As for `load`.

    Returns:
        The folder; `load` checks its content.

    Raises:
        HubError: The bundle is not on the hub, or the hub cannot be reached.
        MissingExtraError: The bundle is on the hub, and the extra ``hub`` is not installed.
    """
    name = bundle.as_posix() if isinstance(bundle, Path) else bundle
    if name.startswith(PREFIX):
        return fetch_bundle(name)
    return find_bundle(bundle)


def _check_tensors(path: Path, expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    for name in sorted({*expected, *found}):
        if name not in found:
            raise damaged(path, name, "is missing")
        if name not in expected:
            raise damaged(path, name, "does not belong to this network")
        kinds = [f"{tensor.dtype} of shape {tuple(tensor.shape)}" for tensor in (found[name], expected[name])]
        if kinds[0] != kinds[1]:
            raise damaged(path, name, f"is {kinds[0]} instead of {kinds[1]}")
