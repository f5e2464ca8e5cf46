"""Fit a classifier of hand landmarks: by the photos with a hand, and by how often a label shows none."""

import time

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from handshape.data.dataset import SplitIndices
from handshape.data.images.decode import Preprocessing
from handshape.models.hand.hand_finder import LANDMARK_WIDTH
from handshape.models.hand.landmark_classifier import LandmarkClassifier
from handshape.models.hand.pose_classifier import PoseClassifier
from handshape.models.network_config import NetworkConfig
from handshape.training.fit_result import FitResult
from handshape.training.history import Epoch, accuracy_of
from handshape.training.pose_classifier import Poses, fit_pose_classifier
from handshape.types import LandmarkRows

# Augmented hands, for people who hold and build them differently: each hand that often, rotated in space by
# some degrees and each landmark moved by some of the palm's length (both standard deviations). Chosen on the
# signers of the studio photos: docs/research/landmarks.md.
_VIEWS, _ROTATION, _SHIFT = 8, 10.0, 0.05


def augmented_hands(rows: NDArray[np.float32], views: int) -> NDArray[np.float32]:
    """Rotate hands in space and move their landmarks, always in the same way.

    Args:
        rows: (N, 63) float32 landmarks.
        views: V, how often.

    Returns:
        (V N, 63) float32: all hands, then all of them otherwise.
    """
    rng = np.random.default_rng(0)
    points = np.tile(rows.reshape(-1, LANDMARK_WIDTH // 3, 3), (views, 1, 1))
    x, y, z = torch.from_numpy(np.deg2rad(rng.normal(0, _ROTATION, (3, len(points)))))
    zero = torch.zeros_like(x)
    rotations = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=1).reshape(-1, 3, 3)
    moved = points @ torch.linalg.matrix_exp(rotations).numpy() + rng.normal(0, _SHIFT, points.shape)
    return np.asarray(moved.reshape(-1, LANDMARK_WIDTH), dtype=np.float32)


def fit_landmarks(
    network: LandmarkClassifier,
    hands: LandmarkRows,
    classes: NDArray[np.int64],
    splits: SplitIndices,
    *,
    on_augmented: bool = False,
) -> Tensor:
    """Fit a classifier of landmarks: its poses to the photos with a hand, and how often each label shows one.

    Args:
        network: Fitted here; its poses are left as they are where hands of fewer than two labels were found.
        hands: Of N photos.
        classes: (N,) int64.
        splits: Indices of the samples in each split.
        on_augmented: Whether validation hands are augmented before they are classified: with few photos,
            taken by one person in a few seconds, validation is more of the same, and nothing in it is hard.

    Returns:
        (M, K) float32 logits of the validation photos before they were used for fitting; 0 without a hand.
    """
    rows, found = hands.landmarks, hands.found
    train, valid = (splits[name][found[splits[name]]] for name in ("train", "valid"))
    logits = torch.zeros(len(splits["valid"]), network.pose.labels)
    count_hands(network, found[splits["train"]], classes[splits["train"]])
    if len(np.unique(classes[train])) > 1:

        def poses(indices: NDArray[np.int64]) -> Poses:
            views = np.concatenate([augmented_hands(rows[indices], _VIEWS), rows[indices]])
            return torch.from_numpy(views), np.tile(classes[indices], _VIEWS + 1)

        # Validation chooses only where it has hands of every label; a temperature chosen on some labels
        # would favour those.
        complete = set(classes[valid]) == set(classes[train])
        by_pose = fit_pose_classifier(network.pose, poses(train), poses(valid if complete else train))
        if not complete:
            with torch.inference_mode():
                by_pose = network.pose(poses(valid)[0])
        own = by_pose[: len(valid)] if on_augmented else by_pose[len(by_pose) - len(valid) :]
        logits[found[splits["valid"]]] = own
    return logits


def count_hands(network: LandmarkClassifier, found: NDArray[np.bool_], classes: NDArray[np.int64]) -> None:
    """Set how likely a hand of each label is found, from (N,) photos of (N,) int64 classes."""
    photos, hits = (np.bincount(some, minlength=network.pose.labels) for some in (classes, classes[found]))
    # Additive smoothing: what always happened need not happen again.
    network.log_found.copy_(torch.from_numpy(np.log((hits + 1) / (photos + 2))))
    network.log_missed.copy_(torch.from_numpy(np.log((photos - hits + 1) / (photos + 2))))


class LandmarkFitter:
    """Fits classifiers of hand landmarks on splits of one data set.

    Args:
        hands: Of its N photos.
        classes: (N,) int64.
        labels: K.
        preprocessing: What images go through.
    """

    def __init__(
        self, hands: LandmarkRows, classes: NDArray[np.int64], labels: int, preprocessing: Preprocessing
    ) -> None:
        self._hands, self._preprocessing = hands, preprocessing
        self._classes, self._labels = classes, labels

    def fit(self, splits: SplitIndices, *, mirrored: bool) -> FitResult:
        """Fit on one split.

        Args:
            splits: Indices of the samples in each split.
            mirrored: Whether the mirror images of the test photos are classified, too.
        """
        start = time.perf_counter()
        rows = torch.from_numpy(self._hands.landmarks)
        network = LandmarkClassifier(PoseClassifier(self._labels))
        by_pose = fit_landmarks(network, self._hands, self._classes, splits, on_augmented=True)
        valid = network.merge(rows[splits["valid"]], by_pose)
        # The pose classifier was fitted once more on train and validation; so are these.
        both = np.concatenate([splits["train"], splits["valid"]])
        count_hands(network, self._hands.found[both], self._classes[both])
        with torch.inference_mode():
            train = network.classify(rows[splits["train"]])
            logits = {"test": network.classify(rows[splits["test"]]), "valid": valid}
        if mirrored:
            logits["mirrored"] = logits["test"]  # the landmarks of a hand are those of its mirror image
        seconds = time.perf_counter() - start
        classes = {name: self._classes[splits[name]] for name in ("train", "valid")}
        loss = float(F.cross_entropy(train, torch.from_numpy(classes["train"])))
        accuracies = accuracy_of(train, classes["train"]), accuracy_of(valid, classes["valid"])
        return FitResult(
            network.eval(),
            NetworkConfig("landmarks", self._labels, self._preprocessing),
            [Epoch(1, loss, *accuracies, seconds)],
            logits,
            network.trained_parameters(),
            {"features": 0.0},
        )
