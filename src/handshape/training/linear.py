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

# Strengths of the L2 penalty that are tried, strongest first, for features scaled to a mean square of 1 / D.
STRENGTHS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)
# L-BFGS stops after this many passes for one strength, or before, when the loss no longer falls.
_PASSES = 60
_TOLERANCE = 1e-4
# Below this many images the solver works on N rotated features instead of D: the same solution in less time.
_ROTATE_BELOW = 2500

Side = tuple[Tensor, NDArray[np.int64]]


@dataclass(frozen=True)
class _Solved:
    weight: Tensor
    bias: Tensor
    valid: tuple[float, float]


def train_linear(head: Head, train: Side, valid: Side) -> list[Epoch]:
    """Fit a linear head by L-BFGS for falling strengths of L2 penalty and keep the one that reads valid best.

    Args:
        head: Linear head; standardised and given its weights here.
        train: (N, ...) float32 features and (N,) int64 classes.
        valid: The same of the valid side.

    Returns:
        One row for each pass over the training images, from the strongest penalty to the weakest.

    Source: Liu and Nocedal, On the limited memory BFGS method for large scale optimization, 1989.
    """
    layer = head.layers
    assert isinstance(layer, nn.Linear)  # the caller chose a linear head
    head.standardise_by(torch.flatten(train[0], 1))
    scale = head.width**-0.5
    inputs, basis = _rotated(head.standardised(train[0]) * scale)
    seen = head.standardised(valid[0]) * scale
    seen = seen if basis is None else seen @ basis
    best, history = _path((inputs, train[1]), (seen, valid[1]), layer.out_features)
    weight = best.weight if basis is None else best.weight @ basis.T
    with torch.no_grad():
        layer.weight.copy_(weight * scale)
        layer.bias.copy_(best.bias)
    head.eval()
    return history


def _rotated(inputs: Tensor) -> tuple[Tensor, Tensor | None]:
    """Turn N < D rows into their own span; with an L2 penalty the solution lies there.

    Returns:
        (N, r) float32 inputs and the (D, r) basis they are written in, or the inputs and ``None``.
    """
    count, width = inputs.shape
    if count >= min(width, _ROTATE_BELOW):
        return inputs, None
    values, vectors = torch.linalg.eigh((inputs @ inputs.T).double())
    keep = values > values.max() * 1e-9
    root = values[keep].sqrt()
    basis = (inputs.T.double() @ (vectors[:, keep] / root)).float()
    return (vectors[:, keep] * root).float(), basis


def _path(train: Side, valid: Side, labels: int) -> tuple[_Solved, list[Epoch]]:
    history: list[Epoch] = []
    best: _Solved | None = None
    start = np.zeros(labels * (train[0].shape[1] + 1))
    with track("Solving the head", len(STRENGTHS)) as advance:
        for strength in STRENGTHS:
            start, solved = _solve(train, valid, labels, strength, start, history)
            # Of equals the one with the least valid loss: (accuracy, -loss).
            if best is None or solved.valid > best.valid:
                best = solved
            advance(1)
    assert best is not None  # there is at least one strength
    return best, history


def _solve(
    train: Side,
    valid: Side,
    labels: int,
    strength: float,
    start: NDArray[np.float64],
    history: list[Epoch],
) -> tuple[NDArray[np.float64], _Solved]:
    targets = torch.from_numpy(train[1])
    last: dict[str, tuple[float, float]] = {}
    began = time.perf_counter()

    def objective(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weight, bias = _unpack(flat, labels)
        logits = train[0] @ weight.T + bias
        loss = float(F.cross_entropy(logits, targets))
        last["train"] = (loss, _accuracy(logits, targets))
        error = (torch.softmax(logits, dim=1) - F.one_hot(targets, labels)) / len(targets)
        gradient = torch.cat([(error.T @ train[0]) + strength * weight, error.sum(dim=0)[:, None]], dim=1)
        total = loss + strength / 2 * float((weight.double() ** 2).sum())
        return total, gradient.double().numpy().ravel()

    def note(flat: NDArray[np.float64]) -> None:
        nonlocal began
        loss, accuracy = last["train"]
        now = time.perf_counter()
        reached = _look(_unpack(flat, labels), valid)[0]
        history.append(Epoch(len(history) + 1, loss, accuracy, reached, now - began))
        began = now

    options = {"maxiter": _PASSES, "maxcor": 10, "ftol": _TOLERANCE * 1e-3, "gtol": 1e-6}
    found = minimize(objective, start, jac=True, method="L-BFGS-B", callback=note, options=options)
    weight, bias = _unpack(found.x, labels)
    return found.x, _Solved(weight, bias, _look((weight, bias), valid))


def _unpack(flat: NDArray[np.float64], labels: int) -> tuple[Tensor, Tensor]:
    both = torch.from_numpy(flat.astype(np.float32)).reshape(labels, -1)
    return both[:, :-1], both[:, -1]


def _look(solution: tuple[Tensor, Tensor], side: Side) -> tuple[float, float]:
    """Return accuracy and minus the mean cross-entropy on one side."""
    weight, bias = solution
    targets = torch.from_numpy(side[1])
    logits = side[0] @ weight.T + bias
    return _accuracy(logits, targets), -float(F.cross_entropy(logits, targets))


def _accuracy(logits: Tensor, targets: Tensor) -> float:
    return float((logits.argmax(dim=1) == targets).double().mean())
