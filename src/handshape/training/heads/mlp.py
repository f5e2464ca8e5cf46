"""The lesson's MLP on stored features."""

import torch
from torch import Tensor, nn

from handshape.models.heads import Head
from handshape.training.datasets import LabelledFeatures
from handshape.training.heads.scaling import scale_head
from handshape.training.history import Epoch
from handshape.training.loop import LoopConfig, train_network
from handshape.training.predict import predict_logits


def train_mlp(
    head: Head,
    train: LabelledFeatures,
    valid: LabelledFeatures,
    config: LoopConfig,
    *,
    device: torch.device | None = None,
) -> tuple[list[Epoch], Tensor]:
    """Train an MLP head.

    Args:
        head: MLP head; scaled and given its weights here.
        train: Features and (N,) int64 classes.
        valid: The same for validation.
        config: Epochs, batch size, rates and seed.
        device: Where to train; ``None`` for the CPU.

    Returns:
        The history, and the (M, K) logits of the validation photos.
    """
    scale_head(head, train[0])

    def first_weights() -> Head:
        for layer in head.layers.modules():
            if isinstance(layer, nn.Linear):
                layer.reset_parameters()
        return head

    _, history = train_network(first_weights, train, valid, config, device=device, what="Training the head")
    return history, predict_logits(head, valid[0])
