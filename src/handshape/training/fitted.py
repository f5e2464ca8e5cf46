"""Results of fitting a model on a split."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from handshape.data.dataset import SplitName
from handshape.models.network import NetworkConfig
from handshape.training.history import Epoch

Sides = dict[SplitName, NDArray[np.int64]]
"""Indices of the training, validation and test samples."""


@dataclass(frozen=True)
class Trained:
    """A trained network and its logits of the images it was not trained on.

    Args:
        network: From normalised images to (N, K) logits, in evaluation mode.
        config: Description of the network.
        history: One row per pass over the training images.
        logits: (N, K) float32 of the ``valid`` and ``test`` images in the order of their indices, and of the
            mirror images of the latter (``mirrored``) where they were read. Those of valid are from before
            valid was learned from. ``quick``: of the test images read in the precision that the training
            images were read in, where it is not float32.
        feature_seconds: How much of the time went into reading or extracting features.
        tuned: How many parameters were trained; ``None`` for the head of a frozen network, or else all.
    """

    network: nn.Module
    config: NetworkConfig
    history: list[Epoch]
    logits: dict[str, Tensor]
    feature_seconds: float = 0.0
    tuned: int | None = None


@dataclass(frozen=True)
class Fitted:
    """A trained model with what it cost.

    Args:
        name: Of the model.
        network: From normalised images to (N, K) logits, in evaluation mode.
        config: Description of the network.
        history: One row per pass over the training images.
        logits: As in `Trained`.
        valid_accuracy: Of the epoch or penalty that was kept.
        seconds: For ``features``, ``train`` and in ``total``.
        parameters: How many there are in ``total`` and how many were ``trained``.
    """

    name: str
    network: nn.Module
    config: NetworkConfig
    history: list[Epoch]
    logits: dict[str, Tensor]
    valid_accuracy: float
    seconds: dict[str, float]
    parameters: dict[str, int]
