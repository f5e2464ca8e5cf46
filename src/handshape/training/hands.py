"""Fit a head on landmarks: by the photos that show a hand, and by how often a label shows none."""

import time
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from handshape.data.augment import MIRRORED
from handshape.models.hand import hand_finder as landmarks
from handshape.models.hand.pose_classifier import HAND_HEAD, HandHead
from handshape.models.heads import Pool
from handshape.models.network import HandsNetwork, NetworkConfig
from handshape.training.fitted import Sides, Trained
from handshape.training.frozen import FrozenFitter
from handshape.training.history import Epoch, accuracy_of
from handshape.training.pose import Hands, train_hand_head

# Hands as other people hold and build them: views of each, turned in space by some degrees and with each
# landmark moved by some of the palm's length (both deviations). Chosen by the signers of the studio photos:
# docs/landmarks.md.
_VIEWS, _TURN, _MOVE = 8, 10.0, 0.05


@dataclass(frozen=True)
class ByHand:
    """What fitting a head on landmarks gives beside the head.

    Args:
        valid: (M, K) float32 logits of the valid photos from a head that had not seen them; 0 without a hand.
        found: (K,) float32, logarithm of how likely a hand of each label is found.
        missed: (K,) float32, logarithm of how likely it is not.
    """

    valid: Tensor
    found: Tensor
    missed: Tensor


def shows_hand(hands: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Return (N,) bool, in which of (N, 63) landmarks a hand was found."""
    return np.asarray((hands != 0).any(axis=1))


def views_of(hands: NDArray[np.float32], views: int) -> NDArray[np.float32]:
    """Turn hands in space and move their landmarks, always in the same way.

    Args:
        hands: (N, 63) float32 landmarks.
        views: V, how often.

    Returns:
        (V N, 63) float32: all hands, then all of them otherwise.
    """
    chance = np.random.default_rng(0)
    points = np.tile(hands.reshape(-1, landmarks.WIDTH // 3, 3), (views, 1, 1))
    x, y, z = torch.from_numpy(np.deg2rad(chance.normal(0, _TURN, (3, len(points)))))
    none = torch.zeros_like(x)
    around = torch.stack([none, -z, y, z, none, -x, -y, x, none], dim=1).reshape(-1, 3, 3)
    moved = points @ torch.linalg.matrix_exp(around).numpy() + chance.normal(0, _MOVE, points.shape)
    return np.asarray(moved.reshape(-1, landmarks.WIDTH), dtype=np.float32)


def fit_by_hand(
    head: HandHead,
    hands: NDArray[np.float32],
    classes: NDArray[np.int64],
    sides: Sides,
    *,
    by_views: bool = False,
) -> ByHand:
    """Fit a head on the landmarks of the photos that show a hand.

    Args:
        head: Given its numbers here; left as it is, with nothing to say, where hands of one label are found.
        hands: (N, 63) float32 landmarks.
        classes: (N,) int64.
        sides: Indices of the samples on each side.
        by_views: Whether each valid photo is judged by a view of its hand: of few photos, taken by one person
            in a few seconds, valid itself is more of the same, and all of it is read right and surely.
    """
    there = shows_hand(hands)
    train, valid = (sides[side][there[sides[side]]] for side in ("train", "valid"))
    by_hand = torch.zeros(len(sides["valid"]), head.labels)
    if len(np.unique(classes[train])) > 1:

        def side(some: NDArray[np.int64]) -> Hands:
            rows = np.concatenate([views_of(hands[some], _VIEWS), hands[some]])
            return torch.from_numpy(rows), np.tile(classes[some], _VIEWS + 1)

        # Without hands on valid only those of train are left to choose by. And what is chosen by hands of
        # some labels alone reads all others as those.
        fair = set(classes[valid]) == set(classes[train])
        said = train_hand_head(head, side(train), side(valid if fair else train))
        if not fair:
            with torch.inference_mode():
                said = head(side(valid)[0])
        by_hand[there[sides["valid"]]] = said[: len(valid)] if by_views else said[len(said) - len(valid) :]
    return ByHand(by_hand, *likely_found(there, classes, sides["train"], head.labels))


def likely_found(
    there: NDArray[np.bool_], classes: NDArray[np.int64], some: NDArray[np.int64], labels: int
) -> tuple[Tensor, Tensor]:
    """Say how likely a hand of each label is found, and how likely it is not.

    Args:
        there: (N,) bool, whether a photo shows a hand.
        classes: (N,) int64.
        some: Indices of the photos to count.
        labels: K.

    Returns:
        (K,) float32 logarithms of either.
    """
    counts = np.bincount(classes[some], minlength=labels)
    seen = np.bincount(classes[some][there[some]], minlength=labels)
    # One more of either than there were: what was always so need not be.
    found, missed = (torch.from_numpy(np.log((n + 1) / (counts + 2))).float() for n in (seen, counts - seen))
    return found, missed


class HandsFitter(FrozenFitter):
    """Fits networks that read landmarks alone; see `FrozenFitter` for what it is given."""

    def fit(self, sides: Sides, *, mirrored: bool) -> Trained:
        """Fit a head on one split.

        Args:
            sides: Indices of the samples on each side.
            mirrored: Whether the mirror images of the test photos are read, too.

        Returns:
            The trained network.
        """
        start = time.perf_counter()
        hands, shape = _rows(self.features()), self._backbone.feature_shape
        read = {"test": hands[sides["test"]]}
        if mirrored:
            read["mirrored"] = _rows(self._extracted(sides["test"], MIRRORED, exact=True))
        seconds = time.perf_counter() - start
        head = HandHead(self._labels)
        learned = fit_by_hand(head, hands, self._classes, sides, by_views=True)
        network = HandsNetwork(self._backbone, Pool(HAND_HEAD.pool, *shape[1:]), head)
        there, both = shows_hand(hands), np.concatenate([sides["train"], sides["valid"]])
        network.know(learned.found, learned.missed)
        valid = network.weighed(torch.from_numpy(there[sides["valid"]]), learned.valid)
        # Like the head, that has learned from valid once it was chosen by it.
        network.know(*likely_found(there, self._classes, both, self._labels))
        with torch.inference_mode():
            own = network.said(torch.from_numpy(hands[sides["train"]]))
            logits = {side: network.said(torch.from_numpy(rows)) for side, rows in read.items()}
        logits["valid"] = valid
        took = time.perf_counter() - start - seconds
        train_classes, valid_classes = self._classes[sides["train"]], self._classes[sides["valid"]]
        loss = float(F.cross_entropy(own, torch.from_numpy(train_classes)))
        row = Epoch(1, loss, accuracy_of(own, train_classes), accuracy_of(valid, valid_classes), took)
        name, preprocessing = self._backbone.name, self._backbone.preprocessing
        config = NetworkConfig("frozen", self._labels, preprocessing, name, shape, HAND_HEAD, hands=True)
        return Trained(network.eval(), config, [row], logits, seconds)


def _rows(stored: NDArray[np.float16]) -> NDArray[np.float32]:
    return stored.reshape(len(stored), -1).astype(np.float32)
