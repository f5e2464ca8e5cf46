"""Fit one model on one split: what `train`, `compare`, folds and the estimator all do."""

import time
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from handshape.config.models import MODELS, ModelName
from handshape.config.train import TrainingConfig
from handshape.data.dataset import SplitIndices
from handshape.data.images.decode import Preprocessing
from handshape.data.images.index import ImageIndex
from handshape.data.images.prepared import content_digest
from handshape.features.hand_landmarks import HandCache
from handshape.models.backbones.registry import Backbone
from handshape.training.checkpoint import Checkpoint
from handshape.training.cnn import fit_cnn
from handshape.training.combined import CombinedFitter
from handshape.training.finetune import FinetuneFitter
from handshape.training.fit_result import FitResult
from handshape.training.frozen import FrozenFitter
from handshape.training.history import Epoch, accuracy_of
from handshape.training.landmarks import LandmarkFitter
from handshape.training.loop import LoopConfig, Trainer, train_loop
from handshape.training.own_parts import OwnParts
from handshape.types import HandRows

IMAGE_SIZE = 224
"""Height and width in pixels of the images of models without a backbone; the lesson's."""


class Fitter:
    """Fits models on splits of one data set, sharing what they have in common.

    Args:
        index: The data set with its prepared images.
        cache: The cache's folder.
        device: Where networks run.
        settings: Of training.
        backbone: The pretrained backbone, for models of image features.
        tuner: Fine-tunes; by default this process does.
        own: Parts that a program brings.

    Attributes:
        checkpoints: Folder for the states of networks in training, from which a fit continues; None for none.
    """

    def __init__(
        self,
        index: ImageIndex,
        cache: Path,
        device: torch.device,
        settings: TrainingConfig,
        backbone: Backbone | None = None,
        *,
        tuner: Trainer = train_loop,
        own: OwnParts | None = None,
    ) -> None:
        self._own = own or OwnParts()
        self.checkpoints: Path | None = None
        self._index, self._cache, self._device = index, cache, device
        self._settings, self._backbone, self._tuner = settings, backbone, tuner
        self._hand_seconds = 0.0
        self.size = backbone.preprocessing.size if backbone else IMAGE_SIZE
        self._loop = LoopConfig(
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            learning_rate=settings.learning_rate,
            weight_decay=settings.weight_decay,
            seed=settings.seed,
        )

    def features(self) -> NDArray[np.float16] | None:
        """Return the backbone's (N, C, p, p) features of every photo; None without a backbone."""
        return None if self._backbone is None else self._frozen.features()

    def fit(self, name: ModelName, splits: SplitIndices, *, mirrored: bool = True) -> FitResult:
        """Fit one model.

        Args:
            name: Of the model.
            splits: Indices of the samples in each split.
            mirrored: Whether the mirror images of the test photos are classified, too.
        """
        extraction = self._extract(name)  # once for all fits, before the clock of this one starts
        start = time.perf_counter()
        fitted = self._fit(name, splits, mirrored)
        train = time.perf_counter() - start - fitted.seconds["features"]
        # Every fit states what extraction took, whichever of them it was done for.
        features = fitted.seconds["features"] + extraction
        fitted = replace(
            fitted,
            valid_accuracy=accuracy_of(fitted.logits["valid"], self._index.dataset.classes[splits["valid"]]),
            seconds={"features": features, "train": train, "total": features + train},
        )
        for callback in self._own.callbacks:
            callback.on_fit(name, fitted)
        return fitted

    def _epoch_ended(self, name: ModelName, epoch: Epoch) -> None:
        for callback in self._own.callbacks:
            callback.on_epoch(name, epoch)

    def _keeper(self, name: ModelName, splits: SplitIndices) -> Checkpoint | None:
        """Return what keeps the state of one training, which goes on from there after a kill."""
        if self.checkpoints is None:
            return None
        indices = b"".join(splits[split].tobytes() for split in ("train", "valid"))
        return Checkpoint(self.checkpoints / f"{name}-{content_digest(indices)}.pt")

    def _extract(self, name: ModelName) -> float:
        """Make sure of what the model uses of every photo; return the seconds that took."""
        seconds = 0.0
        if MODELS[name].image_features:
            self._frozen.features()
            seconds += self._frozen.extraction
        if MODELS[name].hand_landmarks:
            _ = self._hands
            seconds += self._hand_seconds
        return seconds

    def _fit(self, name: ModelName, splits: SplitIndices, mirrored: bool) -> FitResult:
        match name:
            case "cnn":
                return fit_cnn(
                    self._index,
                    splits,
                    self._loop,
                    self._device,
                    size=self.size,
                    mirrored=mirrored,
                    keeper=self._keeper(name, splits),
                    on_epoch=partial(self._epoch_ended, name),
                )
            case "frozen":
                return self._frozen.fit(splits, mirrored=mirrored)
            case "finetune":
                keeper = self._keeper(name, splits) if self._tuner is train_loop else None
                ended = partial(self._epoch_ended, name)
                return self._finetune.fit(splits, mirrored=mirrored, keeper=keeper, on_epoch=ended)
            case "landmarks":
                preprocessing = self._backbone.preprocessing if self._backbone else Preprocessing(self.size)
                fitter = LandmarkFitter(self._index.dataset, self._hands, preprocessing)
                return fitter.fit(splits, mirrored=mirrored)
            case "combined":
                combined = CombinedFitter(self._index, self._frozen, self._hands)
                return combined.fit(splits, mirrored=mirrored)

    def hands_of(self, images: NDArray[np.uint8]) -> HandRows:
        """Return the hands of (N, H, W, 3) uint8 images that are no photos of the data set."""
        return HandCache(self._cache).rows_of_images(images)

    @cached_property
    def _frozen(self) -> FrozenFitter:
        assert self._backbone is not None  # the command loads one for models of image features
        place = self._index, self._cache, self._device
        return FrozenFitter(*place, self._backbone, self._settings, self._loop, own=self._own)

    @cached_property
    def _finetune(self) -> FinetuneFitter:
        assert self._backbone is not None
        place = self._index, self._cache, self._device, self._backbone
        return FinetuneFitter(*place, self._frozen, self._settings, self._settings, self._loop, self._tuner)

    @cached_property
    def _hands(self) -> HandRows:
        start = time.perf_counter()
        photos = [sample.path for sample in self._index.dataset.samples]
        found = HandCache(self._cache).rows(self._index.digests, photos)
        self._hand_seconds = time.perf_counter() - start
        return found
