"""The linear head: multinomial logistic regression, solved rather than stepped towards."""

import time
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor, nn
from torch.nn import functional as F

from handshape.models.head import Head
from handshape.progress import track
from handshape.training.history import Epoch
from handshape.training.span import Span, span_of

# Strengths of the L2 penalty that are tried, strongest first, for features scaled to a mean square of 1 / D.
STRENGTHS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
# L-BFGS stops after this many passes for one strength, or before, when the loss no longer falls.
_PASSES = 60
_TOLERANCE = 1e-7

Side = tuple[Tensor, NDArray[np.int64]]


@dataclass(frozen=True)
class _Solved:
    strength: float
    logits: Tensor
    # Accuracy and minus the loss on valid: of equal accuracies the smaller loss wins.
    valid: tuple[float, float]


def train_linear(
    head: Head, train: Side, valid: Side, *, without_valid: bool = False
) -> tuple[list[Epoch], Tensor]:
    """Fit a linear head by L-BFGS, the strength of its L2 penalty chosen on valid.

    Strengths are tried from the strongest to the weakest, each starting from the solution before it. With the
    strength that reads valid best the head is then solved once more on train and valid together: valid has
    done its work, and its photos are as good as any to learn from.

    Args:
        head: Linear head; standardised and given its weights here.
        train: (N, ...) float32 features and (N,) int64 classes.
        valid: The same of the valid side.
        without_valid: Do not learn from valid but choose by it only, for a head that is still to be tuned.

    Returns:
        One row for each pass over the training images while strengths were tried, and the (M, K) logits of
        the valid photos from the head that had not seen them.

    Source: Liu and Nocedal, On the limited memory BFGS method for large scale optimization, 1989.
    """
    layer = head.layers
    assert isinstance(layer, nn.Linear)  # the caller chose a linear head
    best, history = _choose(head, train, valid)
    both = torch.cat([train[0], valid[0]]), np.concatenate([train[1], valid[1]])
    both = train if without_valid else both
    inputs, span = _scaled(head, both[0])
    start = np.zeros(layer.out_features * (inputs.shape[1] + 1))
    weight, bias = _unpack(_solve((inputs, both[1]), best.strength, start, None), layer.out_features)
    with torch.no_grad():
        layer.weight.copy_((weight if span is None else span.weights(weight)) * head.width**-0.5)
        layer.bias.copy_(bias)
    head.eval()
    return history, best.logits


def _choose(head: Head, train: Side, valid: Side) -> tuple[_Solved, list[Epoch]]:
    layer = head.layers
    assert isinstance(layer, nn.Linear)
    inputs, span = _scaled(head, train[0])
    seen = head.scaled(valid[0]) * head.width**-0.5
    look = (seen if span is None else span.coordinates(seen)), valid[1]
    history: list[Epoch] = []
    best: _Solved | None = None
    flat = np.zeros(layer.out_features * (inputs.shape[1] + 1))
    with track("Solving the head", len(STRENGTHS)) as advance:
        for strength in STRENGTHS:
            note = _Note(look, layer.out_features, history)
            flat = _solve((inputs, train[1]), strength, flat, note)
            logits, reached = _look(_unpack(flat, layer.out_features), look)
            if best is None or reached > best.valid:
                best = _Solved(strength, logits, reached)
            advance(1)
    assert best is not None  # there is at least one strength
    return best, history


def _scaled(head: Head, features: Tensor) -> tuple[Tensor, Span | None]:
    """Standardise a head by features and return them scaled, in their own span where that is faster."""
    head.scale_by(torch.flatten(features, 1))
    inputs = head.scaled(features) * head.width**-0.5
    span = span_of(inputs)
    return (inputs, None) if span is None else (span.own, span)


class _Note:
    """Writes a row of history for each pass of the solver."""

    def __init__(self, valid: Side, labels: int, history: list[Epoch]) -> None:
        self._valid, self._labels, self._history = valid, labels, history
        self._began = time.perf_counter()

    def add(self, flat: NDArray[np.float64], loss: float, accuracy: float) -> None:
        reached = _look(_unpack(flat, self._labels), self._valid)[1][0]
        now = time.perf_counter()
        self._history.append(Epoch(len(self._history) + 1, loss, accuracy, reached, now - self._began))
        self._began = now


def _solve(
    train: Side, strength: float, start: NDArray[np.float64], note: _Note | None
) -> NDArray[np.float64]:
    inputs, targets = train[0], torch.from_numpy(train[1])
    labels = len(start) // (inputs.shape[1] + 1)
    last = (0.0, 0.0)

    def objective(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        nonlocal last
        weight, bias = _unpack(flat, labels)
        logits = inputs @ weight.T + bias
        loss = float(F.cross_entropy(logits, targets))
        last = loss, _accuracy(logits, targets)
        error = (torch.softmax(logits, dim=1) - F.one_hot(targets, labels)) / len(targets)
        gradient = torch.cat([(error.T @ inputs) + strength * weight, error.sum(dim=0)[:, None]], dim=1)
        total = loss + strength / 2 * float((weight.double() ** 2).sum())
        return total, gradient.double().numpy().ravel()

    def after_pass(flat: NDArray[np.float64]) -> None:
        if note is not None:
            note.add(flat, *last)

    options = {"maxiter": _PASSES, "ftol": _TOLERANCE, "gtol": 1e-6}
    found = minimize(objective, start, jac=True, method="L-BFGS-B", callback=after_pass, options=options)
    solution: NDArray[np.float64] = found.x
    return solution


def _unpack(flat: NDArray[np.float64], labels: int) -> tuple[Tensor, Tensor]:
    both = torch.from_numpy(flat.astype(np.float32)).reshape(labels, -1)
    return both[:, :-1], both[:, -1]


def _look(solution: tuple[Tensor, Tensor], side: Side) -> tuple[Tensor, tuple[float, float]]:
    """Return the logits of one side, and its accuracy and minus its mean cross-entropy."""
    weight, bias = solution
    targets = torch.from_numpy(side[1])
    logits = side[0] @ weight.T + bias
    return logits, (_accuracy(logits, targets), -float(F.cross_entropy(logits, targets)))


def _accuracy(logits: Tensor, targets: Tensor) -> float:
    return float((logits.argmax(dim=1) == targets).double().mean())
