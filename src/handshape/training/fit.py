"""Fit one model on one split: what `train`, `compare` and folds over signers all do."""

import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from handshape.config.finetune import FinetuneOptions
from handshape.config.train import LANDMARKS, BackboneConfig, LoopOptions, ModelName, Recipe
from handshape.data.images.index import Scan
from handshape.data.images.prepared import InMemoryImages
from handshape.models.backbones.registry import Backbone
from handshape.models.network import FrozenNetwork
from handshape.training.cnn import fit_cnn
from handshape.training.combined import RoomsFitter
from handshape.training.datasets import NormalisedImages
from handshape.training.finetune import FinetuneFitter
from handshape.training.fitted import Fitted, Sides, Trained
from handshape.training.frozen import FrozenFitter
from handshape.training.hands import HandsFitter
from handshape.training.loop import LoopConfig, Trainer, train_loop
from handshape.training.predict import predict_logits


class Fitter:
    """Trains models on splits of one scanned data set, sharing what they have in common.

    Args:
        scan: The data set with its prepared images.
        store: The store's folder.
        device: Where networks run.
        backbone: Frozen backbone, when one is needed.
        options: Head, pooling and views.
        loop: Epochs, batch size and rates.
        tuning: How the backbone is tuned, if it is.
        recipe: Whether the frozen model is read beside its hands alone.
        seed: Fixes every random choice.
        size: Height and width of the prepared images in pixels.
        tuner: Does the tuning; by default this process.
    """

    def __init__(
        self,
        scan: Scan,
        store: Path,
        device: torch.device,
        backbone: Backbone | None,
        options: BackboneConfig,
        loop: LoopOptions,
        tuning: FinetuneOptions | None = None,
        *,
        recipe: Recipe = "fast",
        seed: int,
        size: int,
        tuner: Trainer = train_loop,
    ) -> None:
        self._scan, self._device, self.size = scan, device, size
        self._loop = LoopConfig(
            epochs=loop.epochs,
            batch_size=loop.batch_size,
            learning_rate=loop.learning_rate,
            weight_decay=loop.weight_decay,
            seed=seed,
        )
        self._frozen: FrozenFitter | None = None
        tuning = tuning or FinetuneOptions()
        self._rooms: RoomsFitter | None = None
        self._tuner: FinetuneFitter | None = None
        if backbone is not None:
            place = scan, store, device
            self._frozen = FrozenFitter(*place, backbone, options, self._loop)
            self._tuner = FinetuneFitter(*place, backbone, self._frozen, options, tuning, self._loop, tuner)
            if backbone.name == LANDMARKS and options.head == "lda":
                self._frozen = HandsFitter(*place, backbone, options, self._loop)
            elif recipe == "best":
                self._rooms = RoomsFitter(*place, self._frozen)

    def features(self) -> NDArray[np.float16] | None:
        """Return the frozen backbone's features of every photo, extracted on the first call.

        Returns:
            (N, C, p, p) float16, or ``None`` when there is no backbone.
        """
        return None if self._frozen is None else self._frozen.features()

    def fit(self, name: ModelName, sides: Sides, *, mirrored: bool = True) -> Fitted:
        """Train one model.

        Args:
            name: Of the model.
            sides: BatchIndices of the samples on each side of the split.
            mirrored: Whether the mirror images of the test photos are read, too.

        Returns:
            The fitted model.
        """
        if name != "cnn":
            self.features()  # once for all fits, before the clock of this one starts
        start = time.perf_counter()
        trained = self._train(name, sides, mirrored)
        total, features = time.perf_counter() - start, trained.feature_seconds
        if name != "cnn" and self._frozen is not None:
            # Every fit states what extraction took, whichever of them it was done for.
            features, total = features + self._frozen.extraction, total + self._frozen.extraction
        network, valid = trained.network, sides["valid"]
        right = trained.logits["valid"].argmax(dim=1).numpy() == self._scan.dataset.classes[valid]
        learned = network.head if isinstance(network, FrozenNetwork) else network
        count = trained.tuned if trained.tuned is not None else _count(learned)
        return Fitted(
            name,
            network,
            trained.config,
            trained.history,
            trained.logits,
            float(right.mean()),
            {"features": features, "train": total - features, "total": total},
            {"total": _count(network), "trained": count},
        )

    def read(self, fitted: Fitted, prepared: NDArray[np.uint8]) -> Tensor:
        """Run a fitted model on other images.

        Args:
            fitted: The model.
            prepared: (N, size, size, 3) uint8, RGB.

        Returns:
            (N, K) float32 logits.
        """
        images = InMemoryImages(prepared)
        place = fitted.network.to(self._device)
        logits = predict_logits(place, NormalisedImages(images, fitted.config.preprocessing))
        fitted.network.cpu()
        return logits

    def _train(self, name: ModelName, sides: Sides, mirrored: bool) -> Trained:
        if name == "cnn":
            return fit_cnn(self._scan, sides, self._loop, self._device, size=self.size, mirrored=mirrored)
        assert self._frozen is not None  # the command loads a backbone when this model is asked for
        if name == "finetune":
            assert self._tuner is not None
            return self._tuner.fit(sides, mirrored=mirrored)
        return (self._rooms or self._frozen).fit(sides, mirrored=mirrored)


def _count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
