"""What fitting a model on a split gives."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from handshape.config.models import ModelName
from handshape.models.network_config import NetworkConfig
from handshape.models.sign_network import SignNetwork, count_parameters
from handshape.training.history import Epoch


@dataclass(frozen=True)
class FitResult:
    """A fitted model, its logits of the photos it was not fitted on, and what it cost.

    Args:
        network: In evaluation mode.
        config: Description of the network.
        history: One row per pass over the training images.
        logits: (N, K) float32 of the ``valid`` and ``test`` images in the order of their indices, and of the
            mirror images of the latter (``mirrored``) where asked for. Those of valid are from before the
            model was fitted to valid as well.
        trained_parameters: How many parameters were trained.
        seconds: For ``features``, ``train`` and in ``total``.
        valid_accuracy: On the validation photos, of the epoch or shrinkage that was kept.
        held_out: Logits and (M,) int64 classes of photos whose signers were held out, for calibration; None
            where the validation photos serve for it.
    """

    network: SignNetwork
    config: NetworkConfig
    history: list[Epoch]
    logits: dict[str, Tensor]
    trained_parameters: int
    seconds: dict[str, float] = field(default_factory=lambda: {"features": 0.0})
    valid_accuracy: float = float("nan")
    held_out: tuple[Tensor, NDArray[np.int64]] | None = None

    @property
    def name(self) -> ModelName:
        """Name of the model."""
        return self.config.model

    @property
    def parameters(self) -> dict[str, int]:
        """How many parameters there are in ``total`` and how many were ``trained``."""
        return {"total": count_parameters(self.network), "trained": self.trained_parameters}
