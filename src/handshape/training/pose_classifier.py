"""Fit the pose classifier: a mean for each label, and a covariance that all labels share."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from handshape.models.hand.pose_classifier import PoseClassifier, flat
from handshape.training.temperature import likeliest_temperature

# Squared distances in 42 dimensions are far too confident.
_TEMPERATURES = (1e-2, 1e4)
Poses = tuple[Tensor, NDArray[np.int64]]
"""(N, 63) float32 landmarks of hands that were found, and (N,) int64 classes."""


def fit_pose_classifier(pose: PoseClassifier, train: Poses, valid: Poses) -> Tensor:
    """Fit the pose classifier and calibrate its temperature on the validation set.

    Then it is fitted once more on both sets together. The shrinkage of the covariance follows from the
    landmarks themselves: when validation accuracy is 100 %, likelihood selects maximal shrinkage, which does
    badly in other rooms.

    Returns:
        The (M, K) logits of the validation hands before they were used for fitting.

    Source: Ledoit and Wolf, A well-conditioned estimator for large-dimensional covariance matrices, 2004.
    """
    _fit(pose, train)
    known = np.isin(valid[1], train[1])
    known = known if known.any() else np.ones_like(known)
    logits = _logits(pose, valid[0])
    temperature, _ = likeliest_temperature(logits.numpy()[known], valid[1][known], _TEMPERATURES)
    pose.apply_temperature(temperature)
    logits = _logits(pose, valid[0])
    _fit(pose, (torch.cat([train[0], valid[0]]), np.concatenate([train[1], valid[1]])))
    pose.apply_temperature(temperature)
    return logits


def _fit(pose: PoseClassifier, poses: Poses) -> None:
    from sklearn.covariance import ledoit_wolf

    rows, classes = poses[0], torch.from_numpy(poses[1])
    pose.scale_by(rows)
    one_hot = F.one_hot(classes, pose.labels).float()
    counts = one_hot.sum(dim=0)
    means = (one_hot.T @ rows) / counts.clamp(min=1)[:, None]
    deviations = rows - means[classes]
    pose.label_counts.copy_(counts)
    pose.label_means.copy_(means)
    for label in range(pose.labels):
        own = deviations[classes == label]
        pose.label_scatter[label] = own.T @ own
    residuals = flat(pose.scaled(rows) - pose.scaled(means)[classes]).double()
    covariance, _ = ledoit_wolf(residuals.numpy(), assume_centered=True)
    pose.set_parameters(means, counts == 0, torch.from_numpy(covariance))


@torch.inference_mode()
def _logits(pose: PoseClassifier, rows: Tensor) -> Tensor:
    logits: Tensor = pose(rows)
    return logits
