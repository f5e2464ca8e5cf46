"""The best recipe: a frozen backbone for familiar photos, and beside it one tuned for rooms never seen."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from handshape.config.finetune import FinetuneOptions
from handshape.data.image import Preprocessing
from handshape.data.sample import SplitName
from handshape.data.scan import Scan
from handshape.models.backbone import Backbone
from handshape.models.blocks import cut_backbone
from handshape.models.head import Head, Pool
from handshape.models.network import FrozenNetwork, RoomsNetwork
from handshape.models.rooms import ROOMS_HEAD, Familiarity, RoomReader, RoomsConfig
from handshape.training.checkpoint import Keeper
from handshape.training.familiar import fit_familiarity, fit_weighing
from handshape.training.finetune import tunable
from handshape.training.fitted import Sides, Trained
from handshape.training.frozen import FrozenFitter
from handshape.training.inputs import ChosenImages, ImageInputs, Inputs
from handshape.training.loop import LoopConfig, predict_logits
from handshape.training.mixture import DRAWN, OWN, Mixer, Mixture, MixtureInputs
from handshape.training.tuning import Rate, Tuned, Tuner, tune
from handshape.training.world import ChosenInputs

# Height and width that scenes are learned at, a third of the time of 224, and that a photo is reduced to
# before it is looked at in glances of that size.
_GLANCE, _SIZE = 128, 160
# Steps whatever the number of photos, so that what they cost is known beforehand.
_STEPS, _FEWEST_EPOCHS = 900, 3
# Most hands in scenes that are looked at to see how far from photos such pictures lie.
_STRANGE = 256
# Pictures whose features stand for what the second reader is used to.
_STATED_ON = 512
_RATE, _HEAD_RATE, _WEIGHT_DECAY, _SMOOTHING = 3e-4, 1.5e-3, 0.02, 0.05

Classes = NDArray[np.int64]
_Feed = tuple[Callable[[int], Inputs], Classes]


class RoomsFitter:
    """Fits two readers on splits of one data set: see `handshape.models.network.RoomsNetwork`.

    Args:
        scan: The data set with its prepared images.
        store: The store's folder, which keeps the drawn hands.
        device: Where networks run.
        backbone: The pretrained backbone; it stays as it is.
        frozen: Fits the frozen network.
        tuning: Arithmetic of tuning; the rest of it is the recipe's.
        loop: Batch size and seed.
        tuner: Runs the loop of tuning.
        mirror: Whether the second reader learns from mirror images as well, as left hands.
    """

    def __init__(
        self,
        scan: Scan,
        store: Path,
        device: torch.device,
        backbone: Backbone,
        frozen: FrozenFitter,
        tuning: FinetuneOptions,
        loop: LoopConfig,
        tuner: Tuner = tune,
        *,
        mirror: bool = False,
    ) -> None:
        self._tuner, self._mirror = tuner, mirror
        self._scan, self._device, self._backbone, self._frozen = scan, device, backbone, frozen
        self._tuning, self._loop = tuning, loop
        self._classes, self._labels = scan.dataset.classes, len(scan.dataset.labels)
        self._mixer = Mixer(scan, store, _GLANCE)

    def fit(self, sides: Sides, *, mirrored: bool, keeper: Keeper | None = None) -> Trained:
        """Fit both readers on one split.

        Args:
            sides: Indices of the samples on each side.
            mirrored: Whether the mirror images of the test photos are read, too.
            keeper: Keeps the state of tuning after every epoch; it goes on from what that holds.

        Returns:
            The network. Of its tuned backbone the epoch is kept that reads the valid photos, their hands in
            scenes, and hands of drawn signers best.
        """
        near = self._frozen.fit(sides, mirrored=False)
        assert isinstance(near.network, FrozenNetwork)
        reader, config, tuned = self._reader(sides, keeper)
        own = near.network.to(self._device)
        familiar = self._familiar(own, sides)
        apart = predict_logits(_Apart(own, reader, familiar).to(self._device), self._images(sides, "valid"))
        # The frozen network's answers on valid are those of a head that had not seen them.
        weighing, valid = fit_weighing(
            apart[:, 0], near.logits["valid"], apart[:, 1:], self._classes[sides["valid"]]
        )
        network = RoomsNetwork(own.backbone, own.pool, own.head, reader, familiar, weighing)
        network.eval().to(self._device)
        judged = {"test": self._images(sides, "test")}
        if mirrored:
            judged["mirrored"] = self._images(sides, "test", mirrored=True)
        logits = {side: predict_logits(network, inputs) for side, inputs in judged.items()} | {"valid": valid}
        described = replace(near.config, model="finetune", rooms=config)
        count = sum(parameter.numel() for parameter in (*reader.parameters(), *network.head.parameters()))
        return Trained(network.cpu(), described, tuned.history, logits, near.feature_seconds, count)

    def _familiar(self, network: FrozenNetwork, sides: Sides) -> Familiarity:
        train, valid = (
            torch.from_numpy(self._frozen.features()[sides[side]].astype(np.float32))
            for side in ("train", "valid")
        )
        mixture = self._mixer.mix(sides["valid"], judged=True)
        items, _ = mixture.plan(np.random.default_rng([self._loop.seed, 0, 4]))
        scenes = items[items >= len(mixture.classes)]
        strange = None
        if len(scenes):
            some = scenes[:: math.ceil(len(scenes) / _STRANGE)]
            seen = MixtureInputs(mixture, some, self._backbone.preprocessing, [self._loop.seed], plain=True)
            strange = predict_logits(nn.Sequential(network.backbone, network.pool), seen)
        return fit_familiarity(train, self._classes[sides["train"]], valid, strange, self._labels)

    def _reader(self, sides: Sides, keeper: Keeper | None) -> tuple[RoomReader, RoomsConfig, Tuned]:
        backbone = tunable(self._backbone)
        backbone.preprocessing = replace(backbone.preprocessing, size=_GLANCE)
        shape = backbone.feature_shape
        head = Head(shape[0], self._labels, ROOMS_HEAD)
        assert isinstance(head.layers, nn.Linear)
        nn.init.zeros_(head.layers.weight)
        nn.init.zeros_(head.layers.bias)
        network = FrozenNetwork(backbone, Pool(1, *shape[1:]), head).to(self._device)
        rates = [Rate(block, _RATE) for block in cut_backbone(backbone, None).blocks]
        for parameter in (parameter for rate in rates for parameter in rate.parameters):
            parameter.requires_grad_(True)
        train, valid = self._feeds(sides, backbone.preprocessing)
        tuner = self._tuner if keeper is None else partial(tune, keeper=keeper)
        tuned = tuner(
            network,
            [*rates, Rate(list(head.parameters()), _HEAD_RATE)],
            train,
            valid,
            self._options(len(sides["train"])),
            start=(math.log(self._labels), 1 / self._labels),  # a head of nothing but zeros
            batch_size=self._loop.batch_size,
            seed=self._loop.seed,
            weight_decay=_WEIGHT_DECAY,
        )
        network.load_state_dict(tuned.state)
        backbone.requires_grad_(False).eval()
        fresh, classes = train
        some = np.random.default_rng(self._loop.seed).permutation(len(classes))[:_STATED_ON]
        features = nn.Sequential(backbone, network.pool, nn.Flatten())
        # So a reader can be adapted to a room by what its features are like there.
        head.cpu().restate(predict_logits(features, ChosenInputs(fresh(0), some)))
        config = RoomsConfig(_SIZE, _GLANCE, shape)
        return RoomReader(backbone, head, config), config, tuned

    def _options(self, photos: int) -> FinetuneOptions:
        steps = (OWN + DRAWN) * photos / self._loop.batch_size
        epochs = max(_FEWEST_EPOCHS, round(_STEPS / steps))
        return replace(
            self._tuning,
            unfreeze="all",
            tuning_epochs=epochs,
            patience=epochs,
            label_smoothing=_SMOOTHING,
            mixup=0.0,
        )

    def _feeds(self, sides: Sides, preprocessing: Preprocessing) -> tuple[_Feed, tuple[Inputs, Classes]]:
        train = self._mixer.mix(sides["train"], judged=False)
        valid = self._mixer.mix(sides["valid"], judged=True)
        seed = self._loop.seed
        items, classes = valid.plan(np.random.default_rng([seed, 0, 3]))
        fixed = MixtureInputs(valid, items, preprocessing, [seed, 0], plain=True, mirror=self._mirror)
        fresh = partial(_fresh, train, preprocessing, seed, self._mirror)
        return (fresh, train.plan(np.random.default_rng(0))[1]), (fixed, classes)

    def _images(self, sides: Sides, side: SplitName, *, mirrored: bool = False) -> ImageInputs:
        chosen = ChosenImages(self._scan.images, sides[side])
        return ImageInputs(chosen, self._backbone.preprocessing, mirrored=mirrored)


def _fresh(mixture: Mixture, preprocessing: Preprocessing, seed: int, mirror: bool, epoch: int) -> Inputs:
    items, _ = mixture.plan(np.random.default_rng([seed, epoch, 3]))
    return MixtureInputs(mixture, items, preprocessing, [seed, epoch], mirror=mirror)


class _Apart(nn.Module):
    """How familiar photos are, and a second reader's answers: (N, 1 + K)."""

    def __init__(self, own: FrozenNetwork, reader: RoomReader, familiar: Familiarity) -> None:
        super().__init__()
        self._own, self._reader, self._familiar = own, reader, familiar

    def forward(self, images: Tensor) -> Tensor:
        features = self._own.pool(self._own.backbone(images))
        return torch.cat([self._familiar(features)[:, None], self._reader(images)], dim=1)
