"""Fit a head on landmarks: means of each label, and a covariance that all of them share."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from handshape.models.hand.pose_classifier import HandHead, flat
from handshape.training.temperature import likeliest_temperature

# Squared distances in 42 dimensions are far too sure of themselves.
_TEMPERATURES = (1e-2, 1e4)
Hands = tuple[Tensor, NDArray[np.int64]]
"""(N, 63) float32 landmarks of hands that were found, and (N,) int64 classes."""


def train_hand_head(head: HandHead, train: Hands, valid: Hands) -> Tensor:
    """Fit a head on landmarks, as sure of itself as makes valid likeliest.

    Then it is fitted once more on train and valid together: valid has done its work. How far the covariance
    is shrunk follows from the hands themselves. Valid cannot say: where few labels are all read right, it
    likes a sphere, and other rooms do not.

    Args:
        head: Given its numbers here.
        train: What it learns from.
        valid: What says how sure to be.

    Returns:
        The (M, K) logits of the valid hands from the head that had not seen them.

    Source: Ledoit and Wolf, A well-conditioned estimator for large-dimensional covariance matrices, 2004.
    """
    _fit(head, train)
    known = np.isin(valid[1], train[1])
    known = known if known.any() else np.ones_like(known)
    said = _said(head, valid[0])
    temperature, _ = likeliest_temperature(said.numpy()[known], valid[1][known], _TEMPERATURES)
    head.soften(temperature)
    said = _said(head, valid[0])
    _fit(head, (torch.cat([train[0], valid[0]]), np.concatenate([train[1], valid[1]])))
    head.soften(temperature)
    return said


def _fit(head: HandHead, hands: Hands) -> None:
    from sklearn.covariance import ledoit_wolf

    rows, classes = hands[0], torch.from_numpy(hands[1])
    head.scale_by(rows)
    one_hot = F.one_hot(classes, head.labels).float()
    counts = one_hot.sum(dim=0)
    means = (one_hot.T @ rows) / counts.clamp(min=1)[:, None]
    around = flat(head.scaled(rows) - head.scaled(means)[classes]).double()
    covariance, _ = ledoit_wolf(around.numpy(), assume_centered=True)
    head.know(means, counts == 0, torch.from_numpy(covariance))


@torch.inference_mode()
def _said(head: HandHead, rows: Tensor) -> Tensor:
    said: Tensor = head(rows)
    return said
