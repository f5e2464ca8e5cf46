"""Fit the out-of-distribution detector and the ensemble weight of the combined model."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from handshape.models.combined import InDistribution, combine
from handshape.training.temperature import likeliest_temperature

# Shrinkage of the covariance towards a multiple of the identity.
_SHRINKAGE = 0.1
# The bound is this quantile of the validation photos' distances, times this factor.
_QUANTILE, _FACTOR = 0.95, 1.5
# Ensemble weights to choose from, and bounds of the temperature of each.
_WEIGHTS, _TEMPERATURES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0), (0.05, 20.0)


def fit_in_distribution(
    train: Tensor, classes: NDArray[np.int64], valid: Tensor, labels: int
) -> InDistribution:
    """Fit class means and a shared covariance to training features, and the bound to validation features.

    Args:
        train: (N, C, p, p) float32 features.
        classes: (N,) int64.
        valid: (M, C, p, p) float32, of people who are not in train where signers are known.
        labels: K.

    Returns:
        The detector; a label without photos is never the nearest.
    """
    rows, targets = train.mean(dim=(2, 3)).double(), torch.from_numpy(classes)
    detector = InDistribution(rows.shape[1], labels)
    one_hot = F.one_hot(targets, labels).double()
    counts = one_hot.sum(dim=0)
    means = (one_hot.T @ rows) / counts.clamp(min=1)[:, None]
    residuals = rows - means[targets]
    covariance = residuals.T @ residuals / len(rows)
    variance = float(covariance.diagonal().mean()) or 1.0
    identity = torch.eye(len(covariance), dtype=torch.float64)
    shrunk = (1 - _SHRINKAGE) * covariance + _SHRINKAGE * variance * identity
    whiten = torch.linalg.inv(torch.linalg.cholesky(shrunk)).T
    detector.whiten.copy_(whiten)
    detector.means.copy_(torch.where((counts > 0)[:, None], means @ whiten, 1e6))
    detector.bound.copy_(_FACTOR * detector.distances(valid).quantile(_QUANTILE))
    return detector


def fit_image_weight(
    share: Tensor, by_image: Tensor, by_landmarks: Tensor, classes: NDArray[np.int64]
) -> tuple[float, Tensor]:
    """Choose the weight of image features that makes the validation photos likeliest.

    Args:
        share: (M,) float32 in [0, 1], how much each validation photo is in-distribution.
        by_image: (M, K) float32 log-probabilities from image features.
        by_landmarks: (M, K) float32 log-probabilities from landmarks.
        classes: (M,) int64.

    Returns:
        The weight, and the (M, K) logits that it gives.

    Source: Wolpert, Stacked generalization, Neural Networks 1992.
    """

    def logits(weight: float) -> Tensor:
        return combine(torch.tensor(weight) * share, by_image, by_landmarks)

    best = min(
        _WEIGHTS, key=lambda weight: likeliest_temperature(logits(weight).numpy(), classes, _TEMPERATURES)[1]
    )
    return best, logits(best)
