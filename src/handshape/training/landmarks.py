"""Fit a classifier of hand landmarks: by the photos with a hand, and by how often a label shows none."""

import time
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor
from torch.nn import functional as F

from handshape.data.dataset import Dataset, SplitIndices
from handshape.data.images.decode import Preprocessing
from handshape.models.hand.hand_finder import LANDMARK_WIDTH
from handshape.models.hand.landmark_classifier import LandmarkClassifier
from handshape.models.hand.pose_classifier import PoseClassifier
from handshape.models.network_config import NetworkConfig
from handshape.training.fit_result import FitResult
from handshape.training.history import Epoch, accuracy_of
from handshape.training.pose_classifier import Poses, fit_pose_classifier
from handshape.types import HandRows

# Validation hands of the same few seconds are more of the same: before they are classified, they are rotated
# in space by some degrees and each landmark moved by some of the palm's length (both standard deviations).
_ROTATION, _SHIFT = 10.0, 0.05


def augmented_hands(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rotate (N, 88) hands in space and move their landmarks, always in the same way."""
    rng = np.random.default_rng(0)
    points = rows[:, :LANDMARK_WIDTH].reshape(len(rows), -1, 3)
    rotations = Rotation.from_rotvec(np.deg2rad(rng.normal(0, _ROTATION, (len(points), 3)))).as_matrix()
    moved = points @ rotations + rng.normal(0, _SHIFT, points.shape)
    flat = moved.reshape(len(rows), -1)
    return np.concatenate([flat, rows[:, LANDMARK_WIDTH:]], axis=1).astype(np.float32)


def fit_landmarks(
    network: LandmarkClassifier,
    hands: HandRows,
    classes: NDArray[np.int64],
    splits: SplitIndices,
    signers: Sequence[str | None],
    *,
    on_augmented: bool = False,
) -> Tensor:
    """Fit a classifier of hands, and how often a hand is found in photos of each label.

    It is calibrated on held-out photos: with three signers or more on those of each signer in turn, with
    fewer on the validation photos. In the end it is fitted to training and validation photos together.

    Args:
        network: Fitted here; its poses are left as they are where hands of fewer than two labels were found.
        hands: Of N photos, and of their mirror images.
        classes: (N,) int64.
        splits: Indices of the samples in each split.
        signers: N names, None where a signer is not known.
        on_augmented: Whether validation hands are augmented before they are classified: photos that one
            person takes in a few seconds are too much alike to calibrate by.

    Returns:
        (M, K) float32 logits of the training photos, then of the validation photos, while they were held out;
        0 for those without a hand, and for training photos that were never held out.
    """
    both = np.concatenate([splits["train"], splits["valid"]])
    found = hands.found[both]
    logits = torch.zeros(len(both), network.pose.labels)
    count_hands(network, found, classes[both])
    some = hands.take(both[found])
    assert some.mirrored_rows is not None
    if len(np.unique(classes[both[found]])) > 1:
        of_signers = _leave_signers_out([signers[index] for index in both[found]])
        left_out = of_signers or [np.isin(both[found], splits["valid"])]
        shown = augmented_hands(some.rows) if on_augmented and not of_signers else some.rows
        poses = Poses(torch.from_numpy(some.rows), torch.from_numpy(some.mirrored_rows), classes[both[found]])
        logits[found] = fit_pose_classifier(network.pose, poses, left_out, torch.from_numpy(shown))
    return logits


def _leave_signers_out(signers: Sequence[str | None]) -> list[NDArray[np.bool_]]:
    """Return the photos of each signer; nothing where fewer than three are known, or not all."""
    names = {signer for signer in signers if signer is not None}
    if len(names) < 3 or None in signers:
        return []
    return [np.array([signer == name for signer in signers]) for name in sorted(names)]


def count_hands(network: LandmarkClassifier, found: NDArray[np.bool_], classes: NDArray[np.int64]) -> None:
    """Set how likely a hand of each label is found, from (N,) photos of (N,) int64 classes."""
    photos, hits = (np.bincount(some, minlength=network.pose.labels) for some in (classes, classes[found]))
    # Additive smoothing: what always happened need not happen again.
    network.log_found.copy_(torch.from_numpy(np.log((hits + 1) / (photos + 2))))
    network.log_missed.copy_(torch.from_numpy(np.log((photos - hits + 1) / (photos + 2))))


class LandmarkFitter:
    """Fits classifiers of hand landmarks on splits of one data set.

    Args:
        dataset: N photos.
        hands: Of the photos, and of their mirror images.
        preprocessing: What images go through.
    """

    def __init__(self, dataset: Dataset, hands: HandRows, preprocessing: Preprocessing) -> None:
        self._dataset, self._hands, self._preprocessing = dataset, hands, preprocessing

    def fit(self, splits: SplitIndices, *, mirrored: bool) -> FitResult:
        """Fit on one split.

        Args:
            splits: Indices of the samples in each split.
            mirrored: Whether the mirror images of the test photos are classified, too.
        """
        start = time.perf_counter()
        classes, signers = self._dataset.classes, [sample.signer for sample in self._dataset.samples]
        network = LandmarkClassifier(PoseClassifier(len(self._dataset.labels)))
        by_pose = fit_landmarks(network, self._hands, classes, splits, signers, on_augmented=True)
        both = np.concatenate([splits["train"], splits["valid"]])
        held_out = network.merge(torch.from_numpy(self._hands.rows[both]), by_pose)
        valid = held_out[len(splits["train"]) :]
        tested = self._hands.take(splits["test"])
        with torch.inference_mode():
            train = network.classify(torch.from_numpy(self._hands.rows[splits["train"]]))
            logits = {"test": network.classify(torch.from_numpy(tested.rows)), "valid": valid}
            if mirrored:
                logits["mirrored"] = network.classify(torch.from_numpy(tested.mirrored().rows))
        seconds = time.perf_counter() - start
        loss = float(F.cross_entropy(train, torch.from_numpy(classes[splits["train"]])))
        accuracies = (
            accuracy_of(train, classes[splits["train"]]),
            accuracy_of(valid, classes[splits["valid"]]),
        )
        return FitResult(
            network.eval(),
            NetworkConfig("landmarks", len(self._dataset.labels), self._preprocessing),
            [Epoch(1, loss, *accuracies, seconds)],
            logits,
            network.trained_parameters(),
            held_out=(held_out, classes[both]) if by_pose[: len(splits["train"])].any() else None,
        )
