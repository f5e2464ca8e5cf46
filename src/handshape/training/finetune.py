"""Tune a backbone, from the head that was trained on its stored features."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from handshape.config.finetune import FinetuneOptions
from handshape.config.train import BackboneConfig
from handshape.data.augment import views_of
from handshape.data.dataset import SplitIndices
from handshape.data.images.index import Scan
from handshape.features.extract import Extractor, features_now
from handshape.models.backbone_classifier import BackboneClassifier
from handshape.models.backbones.blocks import Cut, cut_backbone
from handshape.models.backbones.registry import Backbone
from handshape.models.heads import Head, Pool
from handshape.models.sign_network import NetworkConfig
from handshape.training.checkpoint import Keeper
from handshape.training.fit_result import FitResult
from handshape.training.frozen import FrozenFitter
from handshape.training.heads.feature_rows import all_of, rows_of
from handshape.training.history import accuracy_of
from handshape.training.inputs import ChosenImages, ImageInputs, Inputs
from handshape.training.loop import LoopConfig, predict_logits
from handshape.training.tuning import Rate, Tuned, Tuner, tune
from handshape.training.tuning_inputs import TrunkInputs, ViewInputs

# The first block is tuned at this share of the last one's rate, those between along a geometric line.
_FIRST_BLOCK = 0.1
# A head on D features is tuned at this over the root of D times the last block's rate: a step of Adam changes
# all D weights alike, and their sum is what counts.
_HEAD = 10.0
# Stored views of each photo where a trunk is read once and for all.
_FEWEST_VIEWS = 3


class FinetuneFitter:
    """Tunes copies of a backbone on splits of one data set.

    Args:
        scan: The data set with its prepared images.
        folder: Where what is too large for memory may lie.
        device: Where networks run.
        backbone: The pretrained backbone; it stays as it is.
        frozen: Fits the heads that tuning begins with.
        options: Head, pooling and views.
        tuning: What is tuned, and how.
        loop: Batch size, weight decay and seed.
        tuner: Does the tuning; by default this process.
    """

    def __init__(
        self,
        scan: Scan,
        folder: Path,
        device: torch.device,
        backbone: Backbone,
        frozen: FrozenFitter,
        options: BackboneConfig,
        tuning: FinetuneOptions,
        loop: LoopConfig,
        tuner: Tuner = tune,
    ) -> None:
        self._tuner = tuner
        self._scan, self._folder, self._device = scan, folder, device
        self._backbone, self._frozen, self._options = backbone, frozen, options
        self._tuning, self._loop, self._views = tuning, loop, views_of(options)
        self._classes = scan.dataset.classes

    def fit(self, sides: SplitIndices, *, mirrored: bool, keeper: Keeper | None = None) -> FitResult:
        """Tune on one split; what reads valid worse than the frozen network did is not kept.

        Args:
            sides: Indices of the samples on each side.
            mirrored: Whether the mirror images of the test photos are read, too.
            keeper: Keeps the state after every epoch; tuning goes on from what it holds.

        Returns:
            The tuned network, or the frozen one where no epoch was better on valid.
        """
        backbone = tunable(self._backbone)
        cut = cut_backbone(backbone, self._tuning.last)
        head, start = self._frozen.begin(sides)
        pool = Pool(self._frozen.head_config.pool, *backbone.feature_shape[1:])
        network = BackboneClassifier(backbone if cut.trunk is None else cut.tail, pool, head).to(self._device)
        rates = _rates(cut, head, self._tuning.tuning_rate)
        tuner = self._tuner if keeper is None else partial(tune, keeper=keeper)
        tuned = tuner(
            network,
            rates,
            *self._feeds(cut, backbone, sides),
            self._tuning,
            start=start,
            batch_size=self._loop.batch_size,
            seed=self._loop.seed,
            weight_decay=self._loop.weight_decay,
        )
        count = sum(parameter.numel() for rate in rates for parameter in rate.parameters)
        if tuned.best == 0:
            found = self._frozen.fit(sides, mirrored=mirrored)
            described = replace(found.config, model="finetune")
            return replace(found, config=described, history=tuned.history, trained_parameters=count)
        network.load_state_dict(tuned.state)
        return self._finish(BackboneClassifier(backbone, pool, head), sides, tuned, count, mirrored)

    def _feeds(
        self, cut: Cut, backbone: Backbone, sides: SplitIndices
    ) -> tuple[tuple[Callable[[int], Inputs], NDArray[np.int64]], tuple[Inputs, NDArray[np.int64]]]:
        """Return what is fed to the network from its trunk on: training inputs by epoch, and valid ones."""
        classes = {side: self._classes[indices] for side, indices in sides.items()}
        images = {side: ChosenImages(self._scan.images, sides[side]) for side in ("train", "valid")}
        plain = {side: ImageInputs(chosen, backbone.preprocessing) for side, chosen in images.items()}
        if cut.trunk is not None:
            train, valid = self._trunk_feeds(cut.trunk, backbone, sides)
            return (train, classes["train"]), (valid, classes["valid"])
        digests = [self._scan.digests[i] for i in sides["train"]]
        # Not methods or closures of this: where others tune, they are sent what is fed to the network.
        fresh: Callable[[int], Inputs] = partial(_same, plain["train"])
        if self._options.augment != "none":
            fresh = partial(ViewInputs, images["train"], digests, self._views, backbone.preprocessing)
        return (fresh, classes["train"]), (plain["valid"], classes["valid"])

    def _trunk_feeds(
        self, trunk: torch.nn.Module, backbone: Backbone, sides: SplitIndices
    ) -> tuple[Callable[[int], Inputs], Inputs]:
        """Read photos and stored views with the trunk once, so that an epoch costs the tail only."""
        part = Backbone(f"{backbone.name}'s trunk", trunk, backbone.preprocessing, backbone.source)
        count = 0 if self._options.augment == "none" else max(self._options.stored_views, _FEWEST_VIEWS)
        stored = [self._read(part, None, sides["train"], view) for view in range(1 + count)]
        seen = [self._read(part, None, sides["valid"], 0)]
        some = partial(_chosen, stored, self._loop.seed)
        return some, TrunkInputs(seen, np.zeros(len(sides["valid"]), dtype=np.int64))

    def _finish(
        self, network: BackboneClassifier, sides: SplitIndices, tuned: Tuned, count: int, mirrored: bool
    ) -> FitResult:
        """Solve the head once more where that reads valid no worse, and read the photos that are judged."""
        backbone = network.backbone
        assert isinstance(backbone, Backbone)
        backbone.requires_grad_(False).eval()
        images = {side: ChosenImages(self._scan.images, indices) for side, indices in sides.items()}
        feeds = {side: ImageInputs(chosen, backbone.preprocessing) for side, chosen in images.items()}
        network.to(self._device)
        valid_logits = predict_logits(network, feeds["valid"])
        if self._options.head != "mlp":
            # The tuned head has not learned from valid; solved on tuned features, a head can.
            head, logits = self._solved(backbone, sides)
            classes = self._classes[sides["valid"]]
            if accuracy_of(logits, classes) >= accuracy_of(valid_logits, classes):
                network, valid_logits = (
                    BackboneClassifier(backbone, network.pool, head).to(self._device),
                    logits,
                )
        judged = {"test": feeds["test"]}
        if mirrored:
            judged["mirrored"] = ImageInputs(images["test"], backbone.preprocessing, mirrored=True)
        found = {side: predict_logits(network, feed) for side, feed in judged.items()}
        described = NetworkConfig(
            "finetune",
            len(self._scan.dataset.labels),
            backbone.preprocessing,
            backbone.name,
            backbone.feature_shape,
            self._frozen.head_config,
        )
        whole = network.eval().cpu()
        return FitResult(whole, described, tuned.history, {**found, "valid": valid_logits}, count)

    def _solved(self, backbone: Backbone, sides: SplitIndices) -> tuple[Head, Tensor]:
        places, views = self._frozen.head_config.pool, range(1 + self._options.stored_views)
        parts = [all_of(self._read(backbone, places, sides["train"], view)) for view in views]
        train, valid = rows_of(parts, all_of(self._read(backbone, places, sides["valid"], 0)))
        classes = np.tile(self._classes[sides["train"]], len(views))
        head, _, logits = self._frozen.fit_head((train, classes), (valid, self._classes[sides["valid"]]))
        return head, logits

    def _read(
        self, backbone: Backbone, places: int | None, indices: NDArray[np.int64], view: int
    ) -> NDArray[np.float16]:
        extractor = Extractor(backbone, places, self._views, self._device)
        digests = [self._scan.digests[i] for i in indices]
        chosen = ChosenImages(self._scan.images, indices)
        return features_now(extractor, chosen, digests, view=view, folder=self._folder)


def _same(inputs: Inputs, epoch: int) -> Inputs:
    return inputs


def _chosen(stored: Sequence[NDArray[np.float16]], seed: int, epoch: int) -> Inputs:
    """Return for each photo one of its views or the photo itself, by chance."""
    chance = np.random.default_rng([seed, epoch, 1])
    return TrunkInputs(stored, chance.integers(0, len(stored), len(stored[0])))


def tunable(backbone: Backbone) -> Backbone:
    """Return a copy of a backbone that may change, without what is known of the original's numbers.

    Args:
        backbone: Stays as it is.
    """
    copied = copy.deepcopy(backbone)
    for known in ("digest", "feature_shape"):
        copied.__dict__.pop(known, None)
    copied.source = f"tuned from {backbone.source}"
    return copied


def _rates(cut: Cut, head: Head, peak: float) -> list[Rate]:
    """Let gradients reach the blocks that are tuned, and give each its learning rate."""
    last = len(cut.blocks) - 1
    rates = [
        Rate(block, peak * _FIRST_BLOCK ** ((last - number) / max(last, 1)))
        for number, block in enumerate(cut.blocks)
    ]
    for rate in rates:
        for parameter in rate.parameters:
            parameter.requires_grad_(True)
    return [*rates, Rate(list(head.parameters()), peak * _HEAD * head.width**-0.5)]
