"""Fit what tells photos like those learned from, from others, and what each reader's word is worth there."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from handshape.models.combined import Familiarity, Weighing
from handshape.training.temperature import likeliest_temperature

# How much of the covariance is replaced by a sphere of the same size.
_SHRINKAGE = 0.1
# This share of valid is as near as photos of its kind are, and a little more is familiar.
_SHARE, _MORE = 0.95, 1.5
# Weights that the reader of familiar photos may have, and how sure both may be together.
_OWN, _TEMPERATURES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0), (0.05, 20.0)


def fit_familiarity(train: Tensor, classes: NDArray[np.int64], valid: Tensor, labels: int) -> Familiarity:
    """Learn where photos lie, and how far off a photo of this kind may still be.

    Args:
        train: (N, C, p, p) float32 features.
        classes: (N,) int64.
        valid: (M, C, p, p) float32, of people who are not in train where signers are known.
        labels: K.

    Returns:
        The measure of familiarity; a label without photos is never the nearest.
    """
    rows, targets = train.mean(dim=(2, 3)).double(), torch.from_numpy(classes)
    found = Familiarity(rows.shape[1], labels)
    one_hot = F.one_hot(targets, labels).double()
    counts = one_hot.sum(dim=0)
    means = (one_hot.T @ rows) / counts.clamp(min=1)[:, None]
    around = rows - means[targets]
    covariance = around.T @ around / len(rows)
    size = float(covariance.diagonal().mean()) or 1.0
    shrunk = (1 - _SHRINKAGE) * covariance + _SHRINKAGE * size * torch.eye(
        len(covariance), dtype=torch.float64
    )
    whiten = torch.linalg.inv(torch.linalg.cholesky(shrunk)).T
    found.whiten.copy_(whiten)
    found.centres.copy_(torch.where((counts > 0)[:, None], means @ whiten, 1e6))
    found.bound.copy_(_MORE * found.distances(valid).quantile(_SHARE))
    return found


def fit_weighing(
    share: Tensor, own: Tensor, other: Tensor, classes: NDArray[np.int64]
) -> tuple[Weighing, Tensor]:
    """Choose what each reader's word is worth on familiar photos: what makes the answers on valid likeliest.

    However sure both are together, for that is what temperature scaling is for.

    Args:
        share: (M,) float32 in [0, 1], how familiar photos of valid are.
        own: (M, K) float32 logits of a reader of familiar photos that has not seen them.
        other: (M, K) float32 logits of the other reader.
        classes: (M,) int64.

    Returns:
        What puts both together, and the (M, K) logits that it gives.

    Source: Wolpert, Stacked generalization, Neural Networks 1992.
    """

    def loss(weighing: Weighing) -> float:
        return likeliest_temperature(weighing(share, own, other).numpy(), classes, _TEMPERATURES)[1]

    best = min((Weighing(weight) for weight in _OWN), key=loss)
    return best, best(share, own, other)
