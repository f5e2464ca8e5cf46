"""The lesson's MLP on stored features: trained by the loop, in coordinates of the training photos' span."""

import torch
from torch import Tensor, nn

from handshape.models.heads import Head
from handshape.training.heads.dual_basis import Span, span_of
from handshape.training.heads.feature_rows import Rows, ScaledRows, Side, inputs_of, scale_by
from handshape.training.heads.two_layers import TwoLayers
from handshape.training.history import Epoch
from handshape.training.inputs import FeatureInputs, Inputs
from handshape.training.loop import LoopConfig, predict_logits, train_network


def train_mlp(
    head: Head, train: Side, valid: Side, config: LoopConfig, *, device: torch.device | None = None
) -> tuple[list[Epoch], Tensor]:
    """Train an MLP head by the loop.

    Features are scaled once, not in each step. Where there are fewer photos than features, the first layer is
    trained on coordinates in the span of the training photos. It begins with the same random numbers in each
    coordinate and can say the same of them. What it would keep of its first random numbers in all other
    directions is nothing that training photos could correct, and is left out.

    Args:
        head: MLP head; standardised and given its weights here.
        train: (N, ...) features and (N,) int64 classes.
        valid: The same of the valid side.
        config: Epochs, batch size, rates and seed.
        device: Where to train; ``None`` for the CPU.

    Returns:
        The history, and the (M, K) logits of the valid photos.
    """
    assert isinstance(head.layers, nn.Sequential)  # the caller chose an MLP
    scale_by(head, train[0])
    rows, seen, span = _in_span(_scaled(head, train[0]), _scaled(head, valid[0]))
    network, history = train_network(
        lambda: _first(head, head.width if span is None else len(span.own)),
        (rows, train[1]),
        (seen, valid[1]),
        config,
        device=device,
        what="Training the head",
        learn=TwoLayers,
    )
    state = network.state_dict()
    if span is not None:
        state["0.weight"] = span.weights(state["0.weight"])
    head.layers.load_state_dict(state)
    head.eval()
    return history, predict_logits(network, seen)


def _scaled(head: Head, rows: Rows) -> Tensor | ScaledRows:
    return head.scaled(rows) if isinstance(rows, Tensor) else ScaledRows(head, rows)


def _in_span(train: Tensor | ScaledRows, valid: Tensor | ScaledRows) -> tuple[Inputs, Inputs, Span | None]:
    span = span_of(train) if isinstance(train, Tensor) else None
    if span is None:
        return inputs_of(train), inputs_of(valid), None
    assert isinstance(valid, Tensor)  # sides are large or small together
    return FeatureInputs(span.own), FeatureInputs(span.coordinates(valid)), span


def _first(head: Head, width: int) -> nn.Sequential:
    """Return the head's layers for inputs of another width, with first weights as large as its own."""
    first, last = head.layers[0], head.layers[2]  # type: ignore[index]
    layers = nn.Sequential(
        nn.Linear(width, first.out_features), nn.ReLU(), nn.Linear(last.in_features, last.out_features)
    )
    bound = first.in_features**-0.5
    for parameter in layers[0].parameters():
        nn.init.uniform_(parameter, -bound, bound)
    return layers
