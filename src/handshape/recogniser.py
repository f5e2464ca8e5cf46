"""A recogniser: preprocessing, networks, labels and threshold, as a bundle holds them. No torch."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from handshape.bundle import (
    CARD,
    CONFIG,
    GRAPHS,
    HAND,
    HEAD,
    IMAGE,
    KNOWN_PHOTOS,
    PALM,
    BundleConfig,
    damaged,
    read_card,
    read_config,
    read_files,
    write_bundle,
)
from handshape.config.models import MODELS
from handshape.data.images.in_memory import ImageLike, each_image, is_one_image, to_pixels
from handshape.data.images.workers import in_order, workers
from handshape.hub import PREFIX, fetch_bundle
from handshape.inference.engine import Graph, current_provider, packaged_graph
from handshape.inference.graph_check import GraphError, check_graphs, remember_graphs
from handshape.inference.memory import is_memory_full
from handshape.models.hand import hand_finder
from handshape.models.hand.hand_finder import HandFinder, hand_rows
from handshape.models.network_config import NetworkConfig
from handshape.recogniser_card import describe_recogniser, recogniser_html
from handshape.run import find_bundle
from handshape.types import NO_HAND, NO_HAND_LABELS, UNSURE, HandLandmarks, HandRows, Prediction

ASL_NAME = "asl"
"""Name of the recogniser of the American manual alphabet that comes with the package."""
ASL = Path(__file__).parent / "asl"
"""Its bundle."""


class Recogniser:
    """Predicts the labels of hand-sign images. Several threads may use it at once.

    Args:
        config: Labels, preprocessing, temperature, threshold, and how the recogniser was trained.
        files: Contents of the bundle's other files by name: its graphs and weights.
        folder: Folder of the bundle, if it is saved.

    Attributes:
        device: Execution provider of ONNX Runtime that runs it, such as ``cpu``.
        hand_finder: Finds the hand; None for models that do not use landmarks.

    Raises:
        BundleError: A graph is missing, or is not of this recogniser.

    Examples:
        >>> recogniser = handshape.load("runs/first")
        >>> recogniser  # doctest: +ELLIPSIS
        Recogniser(frozen, 3 labels (A, B, C), handnet, test accuracy ...)
        >>> recogniser.predict("photos/A/signer2_0.png").label
        'A'
        >>> [one.label for one in recogniser.predict(["photos/A/signer2_0.png", "photos/B/signer2_0.png"])]
        ['A', 'B']
        >>> recogniser.predict_proba("photos/A").shape
        (24, 3)
    """

    def __init__(self, config: BundleConfig, files: Mapping[str, bytes], folder: Path | None = None) -> None:
        self.config, self.files, self.folder = config, files, folder
        self.device = current_provider()
        self._graphs = {name: _open(name, files[name]) for name in GRAPHS if name in files}
        _check(config, self._graphs)
        self.hand_finder: HandFinder | None = None
        if PALM in self._graphs:
            self.hand_finder = HandFinder(self._graphs[PALM], self._graphs[HAND])

    def __reduce__(self) -> tuple[type["Recogniser"], tuple[BundleConfig, Mapping[str, bytes], Path | None]]:
        return Recogniser, (self.config, self.files, self.folder)

    def __repr__(self) -> str:
        return describe_recogniser(self.config)

    def _repr_html_(self) -> str:
        return recogniser_html(self.config, "" if self.folder is None else read_card(self.folder))

    @property
    def labels(self) -> tuple[str, ...]:
        """K labels in class order."""
        return self.config.labels

    @overload
    def predict(self, images: ImageLike) -> Prediction: ...  # type: ignore[overload-overlap]
    @overload
    def predict(self, images: Iterable[ImageLike]) -> list[Prediction]: ...
    def predict(self, images: ImageLike | Iterable[ImageLike]) -> Prediction | list[Prediction]:
        """Predict the label of one image, or the labels of many.

        Args:
            images: A path, a Pillow image, an (H, W, 3) uint8 array in RGB order, or a (3, H, W) tensor of
                uint8 or of floats in [0, 1]; or many of them, in any iterable or in one array or tensor. A
                folder stands for all photos in it and below.

        Returns:
            The label with probabilities; a list of them for many images or a folder.

        Raises:
            DataNotFoundError: There is no photo in a folder.
            ImageError: An image cannot be read.
            ShapeError: An array or a tensor is of another shape or type.
        """
        if is_one_image(images):
            return self._predict(images)  # type: ignore[arg-type]
        with workers() as pool:
            return list(in_order(pool, self._predict, each_image(images)))

    def predict_proba(self, images: ImageLike | Iterable[ImageLike]) -> NDArray[np.float32]:
        """Return the probabilities of the labels.

        Args:
            images: One image or N, as for `predict`; an iterable is read image by image.

        Returns:
            (N, K) float32 probabilities in the order of `labels`; rows sum to 1.

        Raises:
            DataNotFoundError: There is no photo in a folder.
            ImageError: An image cannot be read.
            ShapeError: An array or a tensor is of another shape or type.
        """
        with workers() as pool:
            rows = list(in_order(pool, lambda image: self.classify(to_pixels(image)), each_image(images)))
        return np.stack(rows) if rows else np.zeros((0, len(self.labels)), dtype=np.float32)

    def features(self, images: ImageLike | Iterable[ImageLike]) -> NDArray[np.float32]:
        """Return the features that the head classifies.

        Args:
            images: One image or N, as for `predict`.

        Returns:
            (N, D) float32: the backbone's pooled features, or those of the CNN's convolutions; for a
            recogniser of landmarks alone its (N, 88) landmarks and embedding, 0 where no hand was found.

        Raises:
            DataNotFoundError: There is no photo in a folder.
            ImageError: An image cannot be read.
            ShapeError: An array or a tensor is of another shape or type.
        """
        with workers() as pool:
            rows = list(in_order(pool, lambda image: self._features(to_pixels(image)), each_image(images)))
        return np.stack(rows)

    def _features(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        if IMAGE in self._graphs:
            prepared = self.config.network.preprocessing.prepare(pixels)
            found = self._graphs[IMAGE].run(images=prepared[None].astype(np.float32))
            return np.asarray(found["features"].reshape(-1))
        assert self.hand_finder is not None  # which every recogniser of landmarks has
        return np.asarray(hand_rows([self.hand_finder.find(pixels)]).rows[0])

    def _predict(self, image: ImageLike) -> Prediction:
        pixels = to_pixels(image)
        hand = self.find_hand(pixels)
        prediction = self.answer(self.classify(pixels, hand), hand)
        return replace(prediction, path=Path(image)) if isinstance(image, str | Path) else prediction

    def find_hand(self, pixels: NDArray[np.uint8]) -> HandLandmarks | None:
        """Return the hand in an (H, W, 3) uint8 photo; None for models that do not use landmarks."""
        return None if self.hand_finder is None else self.hand_finder.find(pixels)

    def classify(self, pixels: NDArray[np.uint8], hand: HandLandmarks | None = None) -> NDArray[np.float32]:
        """Return the (K,) float32 probabilities of one decoded photo, (H, W, 3) uint8, RGB.

        Args:
            pixels: The photo.
            hand: Its hand, where it was found already.

        Raises:
            ShapeError: The photo is not (H, W, 3) uint8.
        """
        prepared = self.config.network.preprocessing.prepare(pixels)
        hand = hand or self.find_hand(pixels)
        hands = None if hand is None else hand_rows([hand])
        row: NDArray[np.float32] = self.classify_prepared(prepared[None], hands)[0]
        return row

    def classify_prepared(
        self, prepared: NDArray[np.uint8], hands: HandRows | None = None
    ) -> NDArray[np.float32]:
        """Return the probabilities of prepared images.

        Args:
            prepared: (N, size, size, 3) uint8, RGB.
            hands: Of the photos, for models that use landmarks.

        Returns:
            (N, K) float32 probabilities.

        Raises:
            MemoryFullError: There is not enough memory for a single image.
        """
        found: dict[str, NDArray[np.float32] | NDArray[np.bool_]] = {}
        if IMAGE in self._graphs:
            found |= self._graphs[IMAGE].run(images=prepared.astype(np.float32))
        if hands is not None:
            found |= {"hands": hands.rows, "right_hand": hands.right_hand}
        return self._graphs[HEAD].run(**found)["probabilities"]

    def answer(
        self, probabilities: NDArray[np.float32], hand: HandLandmarks | None = None, *, top: int = 3
    ) -> Prediction:
        """Turn one row of probabilities into a prediction.

        Args:
            probabilities: (K,) float32.
            hand: The hand that was looked for; None where none was.
            top: Number of most probable labels to return.
        """
        order = np.argsort(-probabilities, kind="stable")[:top]
        best = tuple((self.labels[i], float(probabilities[i])) for i in order)
        label, probability = best[0]
        found = None if hand is None else hand.found
        right = hand.right_hand > 0.5 if hand is not None and hand.found else None
        if found is False and self.config.expects_hand and label.lower() not in NO_HAND_LABELS:
            return Prediction(NO_HAND, probability, best, False, found, right)
        sure = probability >= self.config.threshold
        return Prediction(label if sure else UNSURE, probability, best, sure, found, right)

    def save(self, folder: str | Path, card: str, known_photos: bytes = b"") -> None:
        """Write the bundle into a new folder.

        Args:
            folder: A new folder.
            card: Text of the model card.
            known_photos: From `handshape.bundle.known_photos`; empty for none.
        """
        files = {**self.files, CARD: card.encode()}
        if known_photos:
            files[KNOWN_PHOTOS] = known_photos
        write_bundle(Path(folder), self.config, files)
        remember_graphs({name: files[name] for name in GRAPHS if name in files})


def load(bundle: str | Path) -> Recogniser:
    """Load a recogniser from its bundle, from its run, from the package, or from the Hugging Face hub.

    Args:
        bundle: Folder of a bundle or of a run, or ``asl``, unless a folder of that name has a bundle, or
            ``hub:owner/name``, or ``hub:owner/name@revision``.

    Returns:
        The recogniser.

    Raises:
        BundleError: There is no bundle in the folder, or it is damaged.
        HubError: The bundle is not on the hub, or the hub cannot be reached.
        MissingExtraError: The bundle is on the hub, and the extra ``hub`` is not installed.

    Examples:
        >>> handshape.load("runs/first").labels
        ('A', 'B', 'C')
    """
    place = bundle_folder(bundle)
    config = read_config(place / CONFIG)
    files = read_files(place, config)
    if place != ASL:
        graphs = {name: content for name, content in files.items() if name in GRAPHS}
        try:
            check_graphs(graphs)
        except GraphError as error:
            raise damaged(place / error.name, "the graph", error.reason) from error
    return Recogniser(config, files, place)


def bundle_folder(bundle: str | Path) -> Path:
    """Return the folder that holds a bundle's files; it is downloaded where it is on the hub.

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
    folder = find_bundle(bundle)
    return ASL if name == ASL_NAME and not (folder / CONFIG).is_file() else folder


def _open(name: str, content: bytes) -> Graph:
    packaged = {PALM: hand_finder.PALM, HAND: hand_finder.HAND}.get(name)
    if packaged is not None and content == packaged.read_bytes():
        return packaged_graph(packaged)  # one for all recognisers: both take 30 MB
    try:
        return Graph(content)
    except Exception as error:  # ONNX Runtime's own classes are not public
        if is_memory_full(error):
            raise
        raise damaged(Path(name), "the graph", str(error)) from error


def _check(config: BundleConfig, graphs: Mapping[str, Graph]) -> None:
    """Check that the graphs are those of the recogniser.

    Raises:
        BundleError: One is missing, or has other inputs or outputs.
    """
    kind = MODELS[config.network.model]
    wanted: dict[str, tuple[Sequence[str], Sequence[str]]] = {}
    inputs = ["features"] if kind.image_stage else []
    if kind.hand_landmarks:
        wanted[PALM] = ["images"], ["palm"]
        wanted[HAND] = ["images"], ["points", "presence", "right_hand", "embedding"]
        inputs += ["hands", *(["right_hand"] if kind.image_stage else [])]
    if kind.image_stage:
        wanted[IMAGE] = ["images"], ["features"]
    wanted[HEAD] = inputs, ["probabilities"]
    for name, (taken, given) in wanted.items():
        if name not in graphs:
            raise damaged(Path(name), "the graph", "is missing")
        if set(graphs[name].inputs) != set(taken) or set(graphs[name].outputs) != set(given):
            found = f"takes {graphs[name].inputs} and gives {graphs[name].outputs}"
            raise damaged(Path(name), "the graph", found)
    size = config.network.preprocessing.size
    if kind.image_stage and graphs[IMAGE].shape("images") != (size, size, 3):
        raise damaged(Path(CONFIG), "network.preprocessing.size", f"{IMAGE} takes other images")
    promised = _pooled(config.network) if kind.image_features else None
    if promised is not None and graphs[IMAGE].shape("features") != promised:
        raise damaged(Path(CONFIG), "network.feature_shape", f"{IMAGE} gives other features")
    if kind.image_stage and graphs[HEAD].shape("features") != graphs[IMAGE].shape("features"):
        raise damaged(Path(HEAD), "the graph", f"takes other features than {IMAGE} gives")
    if graphs[HEAD].shape("probabilities") != (len(config.labels),):
        raise damaged(Path(HEAD), "the graph", f"does not give {len(config.labels)} probabilities")


def _pooled(network: NetworkConfig) -> tuple[int, ...] | None:
    """Return (C, p, p) of the features that a network's description promises."""
    if network.feature_shape is None or network.head is None:
        return None
    channels, *sides = network.feature_shape
    return channels, *(min(network.head.pool or side, side) for side in sides)
