"""Fit a classifier of hand landmarks: by the photos with a hand, and by how often a label shows none."""

import time
from dataclasses import dataclass

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


@dataclass(frozen=True)
class LandmarkFit:
    """What fitting a pose classifier gives beside it.

    Args:
        valid: (M, K) float32 logits of the validation photos before they were used for fitting; 0 without a
            hand.
        log_found: (K,) float32 log-probability that a hand of each label is found.
        log_missed: (K,) float32 log-probability that it is not.
    """

    valid: Tensor
    log_found: Tensor
    log_missed: Tensor


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
    pose: PoseClassifier,
    hands: LandmarkRows,
    classes: NDArray[np.int64],
    splits: SplitIndices,
    *,
    on_augmented: bool = False,
) -> LandmarkFit:
    """Fit a pose classifier on the photos in which a hand was found.

    Args:
        pose: Fitted here; left as it is where hands of fewer than two labels were found.
        hands: Of N photos.
        classes: (N,) int64.
        splits: Indices of the samples in each split.
        on_augmented: Whether validation hands are augmented before they are classified: with few photos,
            taken by one person in a few seconds, validation is more of the same, and nothing in it is hard.
    """
    rows, found = hands.landmarks, hands.found
    train, valid = (splits[name][found[splits[name]]] for name in ("train", "valid"))
    logits = torch.zeros(len(splits["valid"]), pose.labels)
    if len(np.unique(classes[train])) > 1:

        def poses(indices: NDArray[np.int64]) -> Poses:
            views = np.concatenate([augmented_hands(rows[indices], _VIEWS), rows[indices]])
            return torch.from_numpy(views), np.tile(classes[indices], _VIEWS + 1)

        # Validation chooses only where it has hands of every label; a temperature chosen on some labels
        # would favour those.
        complete = set(classes[valid]) == set(classes[train])
        by_pose = fit_pose_classifier(pose, poses(train), poses(valid if complete else train))
        if not complete:
            with torch.inference_mode():
                by_pose = pose(poses(valid)[0])
        own = by_pose[: len(valid)] if on_augmented else by_pose[len(by_pose) - len(valid) :]
        logits[found[splits["valid"]]] = own
    return LandmarkFit(logits, *log_found(found, classes, splits["train"], pose.labels))


def log_found(
    found: NDArray[np.bool_], classes: NDArray[np.int64], indices: NDArray[np.int64], labels: int
) -> tuple[Tensor, Tensor]:
    """Return (K,) float32 log-probabilities that a hand of each label is found, and that it is missed.

    Args:
        found: (N,) bool, whether a hand was found in each photo.
        classes: (N,) int64.
        indices: Of the photos to count.
        labels: K.
    """
    photos = np.bincount(classes[indices], minlength=labels)
    hits = np.bincount(classes[indices][found[indices]], minlength=labels)
    # Additive smoothing: what always happened need not happen again.
    ratios = ((count + 1) / (photos + 2) for count in (hits, photos - hits))
    hit, missed = (torch.from_numpy(np.log(ratio)).float() for ratio in ratios)
    return hit, missed


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
        fitted = fit_landmarks(network.pose, self._hands, self._classes, splits, on_augmented=True)
        network.log_found.copy_(fitted.log_found)
        network.log_missed.copy_(fitted.log_missed)
        valid = network.merge(rows[splits["valid"]], fitted.valid)
        # The pose classifier was fitted once more on train and validation; so are these.
        both = np.concatenate([splits["train"], splits["valid"]])
        hit, missed = log_found(self._hands.found, self._classes, both, self._labels)
        network.log_found.copy_(hit)
        network.log_missed.copy_(missed)
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
