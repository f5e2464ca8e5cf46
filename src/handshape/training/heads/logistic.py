"""The linear head: multinomial logistic regression, solved rather than stepped towards."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor, nn
from torch.nn import functional as F

from handshape.models.heads import Head
from handshape.progress import track
from handshape.training.heads.dual_basis import Span, span_of
from handshape.training.heads.feature_rows import Side, StoredRows, join_sides, scale_by
from handshape.training.history import Epoch

# Strengths of the L2 penalty that are tried, strongest first, for features scaled to a mean square of 1 / D.
STRENGTHS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
# L-BFGS stops after this many passes for one strength, or before, when the loss no longer falls.
_PASSES = 60
_TOLERANCE = 1e-7

Blocks = Iterable[tuple[Tensor, Tensor]]
"""Parts of N photos: (B, r) float32 rows as the solver sees them, and their (B,) int64 classes."""


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
        train: (N, ...) features and (N,) int64 classes.
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
    both = train if without_valid else join_sides(train, valid)
    blocks, span = _scaled(head, both)
    flat = _solve(blocks, len(both[1]), layer.out_features, best.strength, _start(head, span), None)
    weight, bias = _unpack(flat, layer.out_features)
    with torch.no_grad():
        layer.weight.copy_((weight if span is None else span.weights(weight)) * head.width**-0.5)
        layer.bias.copy_(bias)
    head.eval()
    return history, best.logits


def _choose(head: Head, train: Side, valid: Side) -> tuple[_Solved, list[Epoch]]:
    layer = head.layers
    assert isinstance(layer, nn.Linear)
    blocks, span = _scaled(head, train)
    look = _blocks(head, valid, span)
    history: list[Epoch] = []
    best: _Solved | None = None
    flat = _start(head, span)
    with track("Solving the head", len(STRENGTHS)) as advance:
        for strength in STRENGTHS:
            note = _Note(look, layer.out_features, history)
            flat = _solve(blocks, len(train[1]), layer.out_features, strength, flat, note)
            logits, reached = _look(_unpack(flat, layer.out_features), look)
            if best is None or reached > best.valid:
                best = _Solved(strength, logits, reached)
            advance(1)
    assert best is not None  # there is at least one strength
    return best, history


def _scaled(head: Head, side: Side) -> tuple[Blocks, Span | None]:
    """Standardise a head by features and return them scaled, in their own span where that is faster."""
    rows, classes = side
    scale_by(head, rows)
    if isinstance(rows, StoredRows):
        return _blocks(head, side, None), None
    inputs = head.scaled(rows) * head.width**-0.5
    span = span_of(inputs)
    return [(inputs if span is None else span.own, torch.from_numpy(classes))], span


def _blocks(head: Head, side: Side, span: Span | None) -> Blocks:
    rows, classes = side
    if isinstance(rows, StoredRows):
        return _Scaled(head, rows, classes)
    inputs = head.scaled(rows) * head.width**-0.5
    return [(inputs if span is None else span.coordinates(inputs), torch.from_numpy(classes))]


class _Scaled:
    """Rows that are scaled again in every pass, for memory would not hold them."""

    def __init__(self, head: Head, rows: StoredRows, classes: NDArray[np.int64]) -> None:
        self._head, self._rows, self._classes = head, rows, torch.from_numpy(classes)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for place, block in self._rows.blocks():
            yield self._head.scaled(block) * self._head.width**-0.5, self._classes[place]


def _start(head: Head, span: Span | None) -> NDArray[np.float64]:
    assert isinstance(head.layers, nn.Linear)
    width = head.width if span is None else len(span.own)
    return np.zeros(head.layers.out_features * (width + 1))


class _Note:
    """Writes a row of history for each pass of the solver."""

    def __init__(self, valid: Blocks, labels: int, history: list[Epoch]) -> None:
        self._valid, self._labels, self._history = valid, labels, history
        self._began = time.perf_counter()

    def add(self, flat: NDArray[np.float64], loss: float, accuracy: float) -> None:
        reached = _look(_unpack(flat, self._labels), self._valid)[1][0]
        now = time.perf_counter()
        self._history.append(Epoch(len(self._history) + 1, loss, accuracy, reached, now - self._began))
        self._began = now


def _solve(
    train: Blocks, count: int, labels: int, strength: float, start: NDArray[np.float64], note: _Note | None
) -> NDArray[np.float64]:
    last = (0.0, 0.0)

    def objective(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        nonlocal last
        weight, bias = _unpack(flat, labels)
        loss, right, gradient = 0.0, 0.0, torch.cat([strength * weight, torch.zeros(labels, 1)], dim=1)
        for inputs, targets in train:
            logits, share = inputs @ weight.T + bias, len(targets) / count
            loss += share * float(F.cross_entropy(logits, targets))
            right += share * _accuracy(logits, targets)
            error = (torch.softmax(logits, dim=1) - F.one_hot(targets, labels)) / count
            gradient += torch.cat([error.T @ inputs, error.sum(dim=0)[:, None]], dim=1)
        last = loss, right
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


def _look(solution: tuple[Tensor, Tensor], side: Blocks) -> tuple[Tensor, tuple[float, float]]:
    """Return the logits of one side, and its accuracy and minus its mean cross-entropy."""
    weight, bias = solution
    parts = [(rows @ weight.T + bias, targets) for rows, targets in side]
    logits, targets = (torch.cat(every) for every in zip(*parts, strict=True))
    return logits, (_accuracy(logits, targets), -float(F.cross_entropy(logits, targets)))


def _accuracy(logits: Tensor, targets: Tensor) -> float:
    return float((logits.argmax(dim=1) == targets).double().mean())
