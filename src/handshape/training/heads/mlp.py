"""The lesson's MLP on cached features."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from handshape.models.heads import Head
from handshape.training.datasets import FeatureRows, LabelledFeatures
from handshape.training.heads.dual_basis import DualBasis, dual_basis
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
    on_epoch: Callable[[Epoch], None] | None = None,
) -> tuple[list[Epoch], Tensor]:
    """Train an MLP head.

    With fewer photos than features, the first layer is trained on coordinates in the span of the training
    photos. The random first weights in all other directions, which training could not change, are left out:
    four points of accuracy on signers left out of the studio photos.

    Args:
        head: MLP head; scaled and given its weights here.
        train: Features and (N,) int64 classes.
        valid: The same for validation.
        config: Epochs, batch size, rates and seed.
        device: Where to train; ``None`` for the CPU.
        on_epoch: Called after every epoch.

    Returns:
        The history, and the (M, K) logits of the validation photos.
    """
    scale_head(head, train[0])
    basis = None
    if DualBasis.pays(len(train[0]), head.width):
        basis = dual_basis(head.scaled(train[0].read()))
    if basis is None:
        rows, seen = train[0], valid[0]
    else:
        rows = FeatureRows(basis.own)
        seen = FeatureRows(basis.coordinates(head.scaled(valid[0].read())))

    def first_weights() -> nn.Module:
        assert isinstance(head.layers, nn.Sequential)  # the caller chose an MLP
        for layer in head.layers:
            if isinstance(layer, nn.Linear):
                layer.reset_parameters()
        return head if basis is None else _narrowed(head.layers, basis.own.shape[1])

    network, history = train_network(
        first_weights,
        (rows, train[1]),
        (seen, valid[1]),
        config,
        device=device,
        what="Training the head",
        on_epoch=on_epoch,
    )
    logits = predict_logits(network, seen)
    if basis is not None:
        state = network.state_dict()
        head.layers.load_state_dict({**state, "0.weight": basis.weights(state["0.weight"])})
    head.eval()
    return history, logits


def _narrowed(layers: nn.Sequential, width: int) -> nn.Sequential:
    """Return the layers for inputs of another width, with first weights as large as their own."""
    first, last = layers[0], layers[2]
    assert isinstance(first, nn.Linear)
    narrow = nn.Linear(width, first.out_features)
    bound = first.in_features**-0.5
    for parameter in narrow.parameters():
        nn.init.uniform_(parameter, -bound, bound)
    return nn.Sequential(narrow, nn.ReLU(), last)
