"""Fine-tune a backbone, from the head that was trained on its cached features."""

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Subset

from handshape.config.finetune import FinetuneOptions
from handshape.config.train import BackboneConfig
from handshape.data.augment import make_views
from handshape.data.dataset import SplitIndices
from handshape.data.images.index import ImageIndex
from handshape.features.extract import Extractor, features_now
from handshape.models.backbones.blocks import Cut, cut_backbone
from handshape.models.backbones.registry import Backbone
from handshape.models.heads import Head, Pool
from handshape.models.network_config import NetworkConfig
from handshape.models.sign_network import BackboneClassifier
from handshape.training.checkpoint import Checkpoint
from handshape.training.datasets import (
    AugmentedImages,
    FeatureRows,
    Inputs,
    Labelled,
    NormalisedImages,
    RandomViews,
)
from handshape.training.fit_result import FitResult
from handshape.training.frozen import FrozenFitter
from handshape.training.history import Epoch, accuracy_of
from handshape.training.loop import (
    LoopConfig,
    LoopResult,
    LoopSettings,
    Trainer,
    parameter_group,
    train_loop,
)
from handshape.training.predict import predict_logits

# The first block is tuned at this share of the last one's rate, those between along a geometric line.
_FIRST_BLOCK = 0.1
# A head on D features is tuned at this over the root of D times the last block's rate: a step of Adam changes
# all D weights alike, and their sum is what counts.
_HEAD = 10.0
# Stored views of each photo where the first layers stay as they are and run only once.
_FEWEST_VIEWS = 3
# Largest norm of a step's gradients.
_CLIP = 1.0


class FinetuneFitter:
    """Fine-tunes copies of a backbone on splits of one data set.

    Args:
        index: The data set with its prepared images.
        folder: Where what is too large for memory may lie.
        device: Where networks run.
        backbone: The pretrained backbone; it stays as it is.
        frozen: Fits the heads that fine-tuning begins with.
        options: Head, pooling and views.
        tuning: What is tuned, and how.
        loop: Batch size, weight decay and seed.
        tuner: Does the training; by default this process.
    """

    def __init__(
        self,
        index: ImageIndex,
        folder: Path,
        device: torch.device,
        backbone: Backbone,
        frozen: FrozenFitter,
        options: BackboneConfig,
        tuning: FinetuneOptions,
        loop: LoopConfig,
        tuner: Trainer = train_loop,
    ) -> None:
        self._tuner = tuner
        self._index, self._folder, self._device = index, folder, device
        self._backbone, self._frozen, self._options = backbone, frozen, options
        self._tuning, self._loop, self._views = tuning, loop, make_views(options)
        self._classes = index.dataset.classes

    def fit(
        self,
        splits: SplitIndices,
        *,
        mirrored: bool,
        keeper: Checkpoint | None = None,
        on_epoch: Callable[[Epoch], None] | None = None,
    ) -> FitResult:
        """Fine-tune on one split; what is less accurate on validation than the frozen network is not kept.

        Args:
            splits: Indices of the samples in each split.
            mirrored: Whether the mirror images of the test photos are classified, too.
            keeper: Keeps the state after every epoch; training continues from what it holds.
            on_epoch: Called after every epoch, where this process trains.

        Returns:
            The fine-tuned network, or the frozen one where no epoch was better on validation.
        """
        backbone = tunable(self._backbone)
        cut = cut_backbone(backbone, self._tuning.last)
        head, start = self._frozen.begin(splits)
        pool = Pool(self._frozen.head_config.pool, *backbone.feature_shape[1:])
        network = BackboneClassifier(backbone if cut.trunk is None else cut.tail, pool, head).to(self._device)
        groups = _groups(cut, head, self._tuning.tuning_rate)
        tuner = self._tuner
        if tuner is train_loop or keeper is not None:
            tuner = partial(train_loop, keeper=keeper, on_epoch=on_epoch)
        tuned = tuner(
            network,
            groups,
            *self._data(cut, backbone, splits),
            self._settings(),
            start=start,
            forward=_MixedPrecision(network) if _mixed_type(self._device) else None,
            what="Fine-tuning",
        )
        count = sum(parameter.numel() for group in groups for parameter in group["params"])
        if tuned.best == 0:
            found = self._frozen.fit(splits, mirrored=mirrored)
            described = replace(found.config, model="finetune")
            return replace(found, config=described, history=tuned.history, trained_parameters=count)
        network.load_state_dict(tuned.state)
        return self._finish(BackboneClassifier(backbone, pool, head), splits, tuned, count, mirrored)

    def _settings(self) -> LoopSettings:
        return LoopSettings(
            epochs=self._tuning.tuning_epochs,
            batch_size=self._loop.batch_size,
            seed=self._loop.seed,
            weight_decay=self._loop.weight_decay,
            optimiser=torch.optim.AdamW,
            warm_up=True,
            average=True,
            clip=_CLIP,
            patience=self._tuning.patience,
            frozen_statistics=True,
        )

    def _data(self, cut: Cut, backbone: Backbone, splits: SplitIndices) -> tuple[Labelled, Labelled]:
        """Return training and validation data of the network from its first trained layer on."""
        train: Inputs
        valid: Inputs
        if cut.trunk is not None:
            train, valid = self._trunk_features(cut.trunk, backbone, splits)
        else:
            images = {name: self._images(splits[name]) for name in ("train", "valid")}
            valid = NormalisedImages(images["valid"], backbone.preprocessing)
            if not self._options.views:
                train = NormalisedImages(images["train"], backbone.preprocessing)
            else:
                digests = [self._index.digests[i] for i in splits["train"]]
                train = AugmentedImages(images["train"], digests, self._views, backbone.preprocessing)
        return Labelled(train, self._classes[splits["train"]]), Labelled(
            valid, self._classes[splits["valid"]]
        )

    def _trunk_features(
        self, trunk: nn.Module, backbone: Backbone, splits: SplitIndices
    ) -> tuple[RandomViews, FeatureRows]:
        """Run the trunk on photos and stored views once, so that an epoch costs the tail only."""
        part = Backbone(f"{backbone.name}'s trunk", trunk, backbone.preprocessing, backbone.source)
        count = max(self._options.views, _FEWEST_VIEWS) if self._options.views else 0
        stored = [self._extract(part, None, splits["train"], view) for view in range(1 + count)]
        seen = self._extract(part, None, splits["valid"], 0)
        return RandomViews(stored, self._loop.seed), FeatureRows(seen)

    def _finish(
        self, network: BackboneClassifier, splits: SplitIndices, tuned: LoopResult, count: int, mirrored: bool
    ) -> FitResult:
        """Fit the head once more where that is no less accurate on validation, and classify the photos."""
        backbone = network.backbone
        assert isinstance(backbone, Backbone)
        backbone.requires_grad_(False).eval()
        images = {name: self._images(indices) for name, indices in splits.items()}
        inputs = {name: NormalisedImages(some, backbone.preprocessing) for name, some in images.items()}
        network.to(self._device)
        valid_logits = predict_logits(network, inputs["valid"])
        if self._options.head != "mlp":
            # The tuned head was not fitted to validation photos; a head on tuned features can be.
            head, logits = self._refitted(backbone, splits)
            classes = self._classes[splits["valid"]]
            if accuracy_of(logits, classes) >= accuracy_of(valid_logits, classes):
                network = BackboneClassifier(backbone, network.pool, head).to(self._device)
                valid_logits = logits
        tested = {"test": inputs["test"]}
        if mirrored:
            tested["mirrored"] = NormalisedImages(images["test"], backbone.preprocessing, mirrored=True)
        found = {name: predict_logits(network, some) for name, some in tested.items()}
        described = NetworkConfig(
            "finetune",
            len(self._index.dataset.labels),
            backbone.preprocessing,
            backbone.name,
            backbone.feature_shape,
            self._frozen.head_config,
        )
        whole = network.eval().cpu()
        return FitResult(whole, described, tuned.history, {**found, "valid": valid_logits}, count)

    def _refitted(self, backbone: Backbone, splits: SplitIndices) -> tuple[Head, Tensor]:
        places, views = self._frozen.head_config.pool, range(1 + self._options.views)
        train = FeatureRows(*(self._extract(backbone, places, splits["train"], view) for view in views))
        valid = FeatureRows(self._extract(backbone, places, splits["valid"], 0))
        classes = np.tile(self._classes[splits["train"]], len(views))
        head, _, logits = self._frozen.fit_head((train, classes), (valid, self._classes[splits["valid"]]))
        assert isinstance(head, Head)  # own classifiers are refused
        return head, logits

    def _extract(
        self, backbone: Backbone, places: int | None, indices: NDArray[np.int64], view: int
    ) -> NDArray[np.float16]:
        extractor = Extractor(backbone, places, self._views, self._device)
        digests = [self._index.digests[i] for i in indices]
        return features_now(extractor, self._images(indices), digests, view=view, folder=self._folder)

    def _images(self, indices: NDArray[np.int64]) -> Subset[NDArray[np.uint8]]:
        return Subset(self._index.images, indices.tolist())


def _mixed_type(device: torch.device) -> torch.dtype | None:
    """Return the type that mixed precision uses beside float32: bfloat16 on GPUs that have it."""
    fits = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if fits else None


class _MixedPrecision(nn.Module):
    """A network whose backbone runs in mixed precision, and pooling and head in float32."""

    def __init__(self, network: BackboneClassifier) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        with torch.autocast(images.device.type, _mixed_type(images.device)):
            features = self.network.backbone(images)
        logits: Tensor = self.network.head(self.network.pool(features.float()))
        return logits


def tunable(backbone: Backbone) -> Backbone:
    """Return a copy of a backbone that may change."""
    source = f"tuned from {backbone.source}"
    return Backbone(backbone.name, copy.deepcopy(backbone.body), backbone.preprocessing, source)


def _groups(cut: Cut, head: Head, peak: float) -> list[dict[str, Any]]:
    """Let gradients reach the blocks that are tuned, and give each its highest learning rate."""
    last = len(cut.blocks) - 1
    groups = [
        parameter_group(block, peak * _FIRST_BLOCK ** ((last - number) / max(last, 1)))
        for number, block in enumerate(cut.blocks)
    ]
    for group in groups:
        for parameter in group["params"]:
            parameter.requires_grad_(True)
    return [*groups, parameter_group(head.parameters(), peak * _HEAD * head.width**-0.5)]
