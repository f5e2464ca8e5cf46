"""The best recipe: a frozen backbone for familiar photos, beside it a reader of hands for all others."""

import time
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from handshape.data.augment import Views
from handshape.data.image import Preprocessing
from handshape.data.scan import Scan
from handshape.features.extract import Extractor, features_of
from handshape.models import landmarks
from handshape.models.backbone import load_backbone
from handshape.models.hand_head import HandHead
from handshape.models.network import FrozenNetwork, RoomsNetwork
from handshape.models.rooms import HandReader
from handshape.training.familiar import fit_familiarity, fit_weighing
from handshape.training.fitted import Sides, Trained
from handshape.training.frozen import FrozenFitter
from handshape.training.hands import fit_by_hand, shows_hand
from handshape.training.inputs import ChosenImages, ImageInputs
from handshape.training.loop import predict_logits

# Photos that say which hand people sign with, and the least share of them that shows a side was learned from.
_LOOKED_AT, _LEARNED = 200, 0.05


class RoomsFitter:
    """Fits two readers on splits of one data set: see `handshape.models.network.RoomsNetwork`.

    Args:
        scan: The data set with its prepared images.
        store: The store's folder.
        device: Where networks run.
        frozen: Fits the frozen network.
    """

    def __init__(self, scan: Scan, store: Path, device: torch.device, frozen: FrozenFitter) -> None:
        self._scan, self._store, self._device, self._frozen = scan, store, device, frozen
        self._classes, self._labels = scan.dataset.classes, len(scan.dataset.labels)
        self._backbone = load_backbone(landmarks.NAME)

    def fit(self, sides: Sides, *, mirrored: bool) -> Trained:
        """Fit both readers on one split.

        Args:
            sides: Indices of the samples on each side.
            mirrored: Whether the mirror images of the test photos are read, too.

        Returns:
            The trained network.
        """
        near = self._frozen.fit(sides, mirrored=False)
        assert isinstance(near.network, FrozenNetwork)
        start = time.perf_counter()
        hands = self._landmarks
        seconds = time.perf_counter() - start
        own, preprocessing = near.network.to(self._device), near.config.preprocessing
        features = {side: self._own(sides[side]) for side in ("train", "valid")}
        familiar = fit_familiarity(
            features["train"], self._classes[sides["train"]], features["valid"], self._labels
        )
        reader, by_hand, found = self._reader(hands, sides, preprocessing)
        # Both readers' answers on valid are those of heads that had not seen it.
        other = reader.said(found, by_hand, near.logits["valid"])
        weighing, valid = fit_weighing(
            familiar(features["valid"]), near.logits["valid"], other, self._classes[sides["valid"]]
        )
        network = RoomsNetwork(own.backbone, own.pool, own.head, reader, familiar, weighing)
        network.eval().to(self._device)
        logits = {"test": predict_logits(network, self._images(sides, preprocessing)), "valid": valid}
        if mirrored:
            flipped = self._images(sides, preprocessing, mirrored=True)
            logits["mirrored"] = predict_logits(network, flipped)
        learned = sum(
            parameter.numel() for head in (own.head, reader.head) for parameter in head.parameters()
        )
        return Trained(
            network.cpu(),
            replace(near.config, hands=True),
            near.history,
            logits,
            near.feature_seconds + seconds,
            learned,
        )

    @cached_property
    def _landmarks(self) -> NDArray[np.float32]:
        """(N, 63) float32 landmarks of every photo."""
        extractor = Extractor(self._backbone, 1, Views(), self._device)
        found = features_of(extractor, self._scan.images, self._scan.digests, self._store)
        return found.reshape(len(found), -1).astype(np.float32)

    @property
    def _finder(self) -> landmarks.Landmarks:
        assert isinstance(self._backbone.body, landmarks.Landmarks)
        return self._backbone.body

    def _own(self, indices: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(self._frozen.features()[indices].astype(np.float32))

    def _reader(
        self, hands: NDArray[np.float32], sides: Sides, preprocessing: Preprocessing
    ) -> tuple[HandReader, Tensor, Tensor]:
        """Fit the reader of hands: with its head's (M, K) logits of valid, and where valid shows a hand."""
        reader = HandReader(self._finder, HandHead(self._labels), preprocessing)
        learned = fit_by_hand(reader.head, hands, self._classes, sides)
        reader.found.copy_(learned.found)
        reader.missed.copy_(learned.missed)
        found = shows_hand(hands)
        train = sides["train"][found[sides["train"]]]
        if len(train):
            self._learn_sides(reader, train)
        return reader.eval(), learned.valid, torch.from_numpy(found[sides["valid"]])

    def _learn_sides(self, reader: HandReader, train: NDArray[np.int64]) -> None:
        looked_at, right = self._right_hands
        own = right[np.isin(looked_at, train)]
        share = float(own.mean()) if len(own) else 0.5
        reader.sides.copy_(torch.tensor([share >= _LEARNED, 1 - share >= _LEARNED]))

    @cached_property
    def _right_hands(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return some photos in which a hand is found, and whether it is a right one."""
        some = np.flatnonzero(shows_hand(self._landmarks))
        some = some[:: -(-len(some) // _LOOKED_AT)]
        images = ImageInputs(ChosenImages(self._scan.images, some), landmarks.PREPROCESSING)
        right = predict_logits(_Right(self._finder).to(self._device), images)[:, 0]
        return some, (right > 0.5).numpy()

    def _images(self, sides: Sides, preprocessing: Preprocessing, *, mirrored: bool = False) -> ImageInputs:
        chosen = ChosenImages(self._scan.images, sides["test"])
        return ImageInputs(chosen, preprocessing, mirrored=mirrored)


class _Right(nn.Module):
    """How likely hands are right ones: (N, 1)."""

    def __init__(self, finder: landmarks.Landmarks) -> None:
        super().__init__()
        self._finder = finder

    def forward(self, images: Tensor) -> Tensor:
        return self._finder.find(images).right[:, None]
