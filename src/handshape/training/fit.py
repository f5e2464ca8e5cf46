"""Fit one model on one split: what `train`, `compare` and folds over signers all do."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from handshape.config.train import BackboneConfig, LoopOptions, ModelName
from handshape.data.augment import MIRRORED, Views
from handshape.data.image import Preprocessing
from handshape.data.prepared import HeldImages, Images, Indices
from handshape.data.sample import SplitName
from handshape.data.scan import Scan
from handshape.features.extract import Extractor, features_of
from handshape.models.backbone import Backbone
from handshape.models.cnn import CNN
from handshape.models.head import Head, HeadConfig, Pool
from handshape.models.network import FrozenNetwork, NetworkConfig
from handshape.training.history import Epoch
from handshape.training.lda import train_lda
from handshape.training.linear import train_linear
from handshape.training.loop import Inputs, LoopConfig, predict_logits, train_network

Sides = dict[SplitName, NDArray[np.int64]]


@dataclass(frozen=True)
class Fitted:
    """A trained model and what it says of the images it was not trained on.

    Args:
        name: Of the model.
        network: From normalised images to (N, K) logits, in evaluation mode.
        config: Description of the network.
        history: One row per pass over the training images.
        logits: (N, K) float32 of the ``valid`` and ``test`` images in the order of their indices, and of the
            mirror images of the latter (``mirrored``) where they were read. Those of valid are from before
            valid was learned from.
        valid_accuracy: Of the epoch or penalty that was kept.
        seconds: For ``features``, ``train`` and in ``total``.
        parameters: How many there are in ``total`` and how many were ``trained``.
    """

    name: str
    network: nn.Module
    config: NetworkConfig
    history: list[Epoch]
    logits: dict[str, Tensor]
    valid_accuracy: float
    seconds: dict[str, float]
    parameters: dict[str, int]


class Fitter:
    """Trains models on splits of one scanned data set, sharing what they have in common.

    Args:
        scan: The data set with its prepared images.
        store: The store's folder.
        device: Where networks run.
        backbone: Frozen backbone, when one is needed.
        options: Head, pooling and views.
        loop: Epochs, batch size and rates.
        seed: Fixes every random choice.
        size: Height and width of the prepared images in pixels.
    """

    def __init__(
        self,
        scan: Scan,
        store: Path,
        device: torch.device,
        backbone: Backbone | None,
        options: BackboneConfig,
        loop: LoopOptions,
        *,
        seed: int,
        size: int,
    ) -> None:
        self._scan, self._store, self._device, self._backbone = scan, store, device, backbone
        self._options, self.size = options, size
        self._loop = LoopConfig(
            epochs=loop.epochs,
            batch_size=loop.batch_size,
            learning_rate=loop.learning_rate,
            weight_decay=loop.weight_decay,
            seed=seed,
        )
        self._stored: NDArray[np.float16] | None = None
        self._extraction = 0.0
        self._classes = scan.dataset.classes
        self._labels = len(scan.dataset.labels)

    def features(self) -> NDArray[np.float16] | None:
        """Return the frozen backbone's features of every photo, extracted on the first call.

        Returns:
            (N, C, p, p) float16, or ``None`` when there is no backbone.
        """
        if self._backbone is not None and self._stored is None:
            start = time.perf_counter()
            self._stored = self._extracted(np.arange(len(self._classes)), 0)
            self._extraction = time.perf_counter() - start
        return self._stored

    def fit(self, name: ModelName, sides: Sides, *, mirrored: bool = True) -> Fitted:
        """Train one model.

        Args:
            name: Of the model.
            sides: Indices of the samples on each side of the split.
            mirrored: Whether the mirror images of the test photos are read, too.

        Returns:
            The fitted model.
        """
        if name == "frozen":
            self.features()  # once for all fits, before the clock of this one starts
        start = time.perf_counter()
        maker = {"cnn": self._fit_cnn, "frozen": self._fit_frozen}[name]
        network, config, history, logits, features = maker(sides, mirrored)
        total = time.perf_counter() - start
        if name == "frozen":
            # Every fit states what extraction took, whichever of them it was done for.
            features, total = features + self._extraction, total + self._extraction
        right = logits["valid"].argmax(dim=1).numpy() == self._classes[sides["valid"]]
        trained = network.head if isinstance(network, FrozenNetwork) else network
        return Fitted(
            name,
            network,
            config,
            history,
            logits,
            float(right.mean()),
            {"features": features, "train": total - features, "total": total},
            {"total": _count(network), "trained": _count(trained)},
        )

    def read(self, fitted: Fitted, prepared: NDArray[np.uint8]) -> Tensor:
        """Run a fitted model on other images.

        Args:
            fitted: The model.
            prepared: (N, size, size, 3) uint8, RGB.

        Returns:
            (N, K) float32 logits.
        """
        images = HeldImages(prepared, np.arange(len(prepared)))
        place = fitted.network.to(self._device)
        logits = predict_logits(place, _Prepared(images, np.arange(len(images)), fitted.config.preprocessing))
        fitted.network.cpu()
        return logits

    def _fit_cnn(self, sides: Sides, mirrored: bool) -> "_Parts":
        images, preprocessing = self._scan.images, Preprocessing(self.size)
        feeds: dict[str, Inputs] = {
            side: _Prepared(images, indices, preprocessing) for side, indices in sides.items()
        }
        network, history = train_network(
            lambda: CNN(self._labels, preprocessing.size).to(memory_format=torch.channels_last),
            (feeds["train"], self._classes[sides["train"]]),
            (feeds["valid"], self._classes[sides["valid"]]),
            self._loop,
            device=self._device,
            what="Training the CNN",
        )
        del feeds["train"]
        if mirrored:
            feeds["mirrored"] = _Prepared(images, sides["test"], preprocessing, mirrored=True)
        logits = {side: predict_logits(network, feed) for side, feed in feeds.items()}
        return network, NetworkConfig("cnn", self._labels, preprocessing), history, logits, 0.0

    def _fit_frozen(self, sides: Sides, mirrored: bool) -> "_Parts":
        backbone = self._backbone
        assert backbone is not None  # the command loads one when this model is asked for
        stored = self.features()
        assert stored is not None
        start = time.perf_counter()
        kind = self._options.head
        scaling: Literal["root", "feature"] = "feature" if kind == "mlp" else "root"
        config = HeadConfig(kind, self._options.places, scaling=scaling)
        features = {side: _as_float(stored[indices]) for side, indices in sides.items()}
        judged = {"test": features["test"]}
        if mirrored:
            judged["mirrored"] = _as_float(self._extracted(sides["test"], MIRRORED))
        views = range(1, self._options.views + 1)
        seen = [_as_float(self._extracted(sides["train"], view)) for view in views]
        train = torch.cat([features["train"], *seen])
        classes = np.tile(self._classes[sides["train"]], 1 + len(views))
        seconds = time.perf_counter() - start
        valid = features["valid"], self._classes[sides["valid"]]
        head, history, valid_logits = self._fit_head(config, (train, classes), valid)
        logits = {side: predict_logits(head, _Rows(rows)) for side, rows in judged.items()}
        logits["valid"] = valid_logits
        pool = Pool(config.pool, *backbone.feature_shape[1:])
        described = NetworkConfig(
            "frozen", self._labels, backbone.preprocessing, backbone.name, backbone.feature_shape, config
        )
        return FrozenNetwork(backbone, pool, head).eval(), described, history, logits, seconds

    def _fit_head(
        self,
        config: HeadConfig,
        train: tuple[Tensor, NDArray[np.int64]],
        valid: tuple[Tensor, NDArray[np.int64]],
    ) -> tuple[Head, list[Epoch], Tensor]:
        def make() -> Head:
            head = Head(train[0][0].numel(), self._labels, config)
            head.scale_by(torch.flatten(train[0], 1))
            return head

        if config.kind != "mlp":
            head = make()
            solve = train_lda if config.kind == "lda" else train_linear
            return head, *solve(head, train, valid)
        rows = (_Rows(train[0]), train[1]), (_Rows(valid[0]), valid[1])
        network, history = train_network(
            make, *rows, self._loop, device=self._device, what="Training the head"
        )
        assert isinstance(network, Head)
        return network, history, predict_logits(network, _Rows(valid[0]))

    def _extracted(self, indices: NDArray[np.int64], view: int) -> NDArray[np.float16]:
        assert self._backbone is not None
        extractor = Extractor(self._backbone, self._options.places, Views(), self._device)
        images = _Chosen(self._scan.images, indices)
        digests = [self._scan.digests[i] for i in indices]
        return features_of(extractor, images, digests, self._store, view=view)


_Parts = tuple[nn.Module, NetworkConfig, list[Epoch], dict[str, Tensor], float]


class _Chosen:
    """Some of the images."""

    def __init__(self, images: Images, indices: NDArray[np.int64]) -> None:
        self._images, self._indices = images, indices

    def __len__(self) -> int:
        return len(self._indices)

    def take(self, indices: Indices) -> NDArray[np.uint8]:
        return self._images.take(self._indices[np.asarray(indices)])


class _Prepared:
    """Some of the images, normalised, as inputs of a network."""

    def __init__(
        self,
        images: Images,
        indices: NDArray[np.int64],
        preprocessing: Preprocessing,
        *,
        mirrored: bool = False,
    ) -> None:
        self._chosen, self._preprocessing = _Chosen(images, indices), preprocessing
        self._mirrored = mirrored

    def __len__(self) -> int:
        return len(self._chosen)

    def take(self, indices: NDArray[np.int64]) -> Tensor:
        batch = torch.from_numpy(self._chosen.take(indices))
        return self._preprocessing.normalise(batch.flip(2) if self._mirrored else batch)


class _Rows:
    """Stored features as inputs of a head: one tensor, indexed."""

    def __init__(self, features: Tensor) -> None:
        self._features = features

    def __len__(self) -> int:
        return len(self._features)

    def take(self, indices: NDArray[np.int64]) -> Tensor:
        return self._features[torch.from_numpy(np.asarray(indices))]


def _as_float(features: NDArray[np.float16]) -> Tensor:
    return torch.from_numpy(features.astype(np.float32))


def _count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
