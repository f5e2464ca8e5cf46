"""The best recipe: a frozen backbone for familiar photos, beside it a reader of hands for all others."""

import time
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Subset

from handshape.data.augment import MIRRORED, Views
from handshape.data.images.decode import Preprocessing
from handshape.data.images.index import Scan
from handshape.data.images.prepared import read_batch
from handshape.features.extract import Extractor, features_of
from handshape.models.backbones.registry import Backbone, load_backbone
from handshape.models.combined import HandReader
from handshape.models.hand import hand_finder as landmarks
from handshape.models.hand.pose_classifier import HandHead
from handshape.models.network import FrozenNetwork, RoomsNetwork
from handshape.training.datasets import FeatureRows
from handshape.training.fitted import Sides, Trained
from handshape.training.frozen import FrozenFitter
from handshape.training.hands import fit_by_hand, shows_hand
from handshape.training.ood import fit_familiarity, fit_weighing

# The least share of photos that shows that a side, right or left, was learned from.
_LEARNED = 0.05

Hands = tuple[NDArray[np.float32], NDArray[np.bool_]]
"""(N, 63) float32 landmarks, 0 where no hand was found, and (N,) bool, whether it is a right one."""


class RoomsFitter:
    """Fits two readers on splits of one data set: see `handshape.models.network.RoomsNetwork`.

    Args:
        scan: The data set with its prepared images.
        store: The store's folder.
        device: Where networks run.
        frozen: Fits the frozen network.
    """

    def __init__(self, scan: Scan, store: Path, device: torch.device, frozen: FrozenFitter) -> None:
        self._scan, self._store, self._frozen = scan, store, frozen
        self._classes, self._labels = scan.dataset.classes, len(scan.dataset.labels)
        backbone = load_backbone(landmarks.NAME)
        assert isinstance(backbone.body, landmarks.Landmarks)
        self._finder = backbone.body
        sided = Backbone(landmarks.NAME, landmarks.SidedLandmarks(self._finder), backbone.preprocessing, "")
        self._extractor = Extractor(sided, 1, Views(), device)

    def fit(self, sides: Sides, *, mirrored: bool) -> Trained:
        """Fit both readers on one split.

        Args:
            sides: BatchIndices of the samples on each side.
            mirrored: Whether the mirror images of the test photos are read, too.

        Returns:
            The trained network.
        """
        near = self._frozen.fit(sides, mirrored=mirrored)
        assert isinstance(near.network, FrozenNetwork)
        own, start = near.network, time.perf_counter()
        photos = {side: self._photos(side, sides["test"]) for side in near.logits if side != "valid"}
        seconds = time.perf_counter() - start
        learned_from = _rows(FeatureRows((self._frozen.features(), sides["train"])))
        chosen_by = _rows(self._frozen.judged(sides["valid"]))
        familiar = fit_familiarity(learned_from, self._classes[sides["train"]], chosen_by, self._labels)
        reader, by_hand = self._reader(sides, near.config.preprocessing)
        # Both readers' answers on valid are those of heads that had not seen it.
        hands = torch.from_numpy(self._hands[0][sides["valid"]])
        other = reader.said(hands, by_hand, near.logits["valid"])
        weighing, valid = fit_weighing(
            familiar(chosen_by), near.logits["valid"], other, self._classes[sides["valid"]]
        )
        network = RoomsNetwork(own.backbone, own.pool, own.head, reader, familiar, weighing).cpu().eval()
        logits = {"valid": valid}
        with torch.inference_mode():
            for side, (seen, *hand) in photos.items():
                logits[side] = network.said(seen, near.logits[side], *hand)
        learned = sum(
            parameter.numel() for head in (own.head, reader.head) for parameter in head.parameters()
        )
        return Trained(
            network,
            replace(near.config, hands=True),
            near.history,
            logits,
            near.feature_seconds + seconds,
            learned,
        )

    @cached_property
    def _hands(self) -> Hands:
        """Of every photo."""
        return self._found(np.arange(len(self._classes)))

    def _found(self, indices: NDArray[np.int64], view: int = 0) -> Hands:
        images, digests = (
            Subset(self._scan.images, indices.tolist()),
            [self._scan.digests[i] for i in indices],
        )
        stored = features_of(self._extractor, images, digests, self._store, view=view)
        rows = stored.reshape(len(stored), -1).astype(np.float32)
        return rows[:, : landmarks.WIDTH], rows[:, landmarks.WIDTH] > 0.5

    def _photos(self, side: str, indices: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
        """Return what a network is told of M photos, by the names that the frozen network's logits have.

        Nothing is read again that the store has.
        """
        if side == "mirrored":
            hands, right = self._found(indices, MIRRORED)
        else:
            hands, right = self._hands[0][indices], self._hands[1][indices]
        if side == "quick":
            features = _rows(FeatureRows((self._frozen.features(), indices)))
        else:
            features = _rows(self._frozen.judged(indices, mirrored=side == "mirrored"))
        return features, torch.from_numpy(hands), torch.from_numpy(right)

    def _reader(self, sides: Sides, preprocessing: Preprocessing) -> tuple[HandReader, Tensor]:
        """Fit the reader of hands, and return its head's (M, K) logits of valid, too."""
        hands, right = self._hands
        reader = HandReader(self._finder, HandHead(self._labels), preprocessing)
        learned = fit_by_hand(reader.head, hands, self._classes, sides)
        reader.found.copy_(learned.found)
        reader.missed.copy_(learned.missed)
        seen = sides["train"][shows_hand(hands)[sides["train"]]]
        if len(seen):
            share = float(right[seen].mean())
            reader.sides.copy_(torch.tensor([share >= _LEARNED, 1 - share >= _LEARNED]))
        return reader.eval(), learned.valid


def _rows(features: FeatureRows) -> Tensor:
    """Return (M, C, p, p) float32 features."""
    return read_batch(features, range(len(features)))
