"""Linear discriminant analysis with a shrunk covariance: a linear head in closed form."""

import time
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from handshape.models.head import Head
from handshape.training.history import Epoch
from handshape.training.span import span_of
from handshape.training.temperature import likeliest_temperature

# How much of the covariance is replaced by a sphere of the same size, most first.
SHRINKAGES = (0.9, 0.7, 0.5, 0.3, 0.1, 0.03, 0.01)
# Logits come out as squared distances in thousands of dimensions; a temperature brings them down.
_TEMPERATURES = (1e-3, 1e6)
# The logit of a label without photos.
_NEVER = -1e4

Side = tuple[Tensor, NDArray[np.int64]]


@dataclass(frozen=True)
class _Chosen:
    shrinkage: float
    temperature: float
    logits: Tensor
    loss: float


def train_lda(
    head: Head, train: Side, valid: Side, *, without_valid: bool = False
) -> tuple[list[Epoch], Tensor]:
    """Fit a linear head by discriminant analysis, its shrinkage chosen by the likelihood of valid.

    Every class gets the same prior: how many photos of a sign were taken says nothing about how often it is
    signed. With the shrinkage that makes valid likeliest, the head is then solved once more on train and
    valid together: valid has done its work, and its photos are as good as any to learn from.

    Args:
        head: Linear head; scaled and given its weights here.
        train: (N, ...) float32 features and (N,) int64 classes.
        valid: The same of the valid side.
        without_valid: Do not learn from valid but choose by it only, for a head that is still to be tuned.

    Returns:
        One row for each shrinkage tried, and the (M, K) logits of the valid photos from the head that had not
        seen them.

    Source: Friedman, Regularized Discriminant Analysis, JASA 84 (1989); Ledoit and Wolf, A well-conditioned
    estimator for large-dimensional covariance matrices, 2004, for the sphere.
    """
    layer = head.layers
    assert isinstance(layer, nn.Linear)  # the caller chose a linear head
    best, history = _choose(head, train, valid)
    both = torch.cat([train[0], valid[0]]), np.concatenate([train[1], valid[1]])
    both = train if without_valid else both
    head.scale_by(torch.flatten(both[0], 1))
    inputs = head.scaled(both[0])
    span = span_of(inputs)
    scatter = _Scatter(inputs if span is None else span.own, both[1], layer.out_features)
    weight, bias = scatter.solve(best.shrinkage)
    with torch.no_grad():
        layer.weight.copy_((weight if span is None else span.weights(weight)) / best.temperature)
        layer.bias.copy_((bias / best.temperature).masked_fill(scatter.absent, _NEVER))
    head.eval()
    return history, best.logits


def _choose(head: Head, train: Side, valid: Side) -> tuple[_Chosen, list[Epoch]]:
    head.scale_by(torch.flatten(train[0], 1))
    inputs, seen = head.scaled(train[0]), head.scaled(valid[0])
    span = span_of(inputs)
    if span is not None:
        inputs, seen = span.own, span.coordinates(seen)
    assert isinstance(head.layers, nn.Linear)
    scatter = _Scatter(inputs, train[1], head.layers.out_features)
    # What valid shows of a label without photos in train cannot be read right, and must not make all unsure.
    known = ~scatter.absent.numpy()[valid[1]]
    known = known if known.any() else np.ones_like(known)
    history: list[Epoch] = []
    best: _Chosen | None = None
    for shrinkage in SHRINKAGES:
        start = time.perf_counter()
        weight, bias = scatter.solve(shrinkage)
        logits = scatter.without_absent(seen @ weight.T + bias)
        temperature, loss = likeliest_temperature(logits.numpy()[known], valid[1][known], _TEMPERATURES)
        if best is None or loss < best.loss:
            best = _Chosen(shrinkage, temperature, logits / temperature, loss)
        own = scatter.without_absent(inputs @ weight.T + bias) / temperature
        train_loss = float(nn.functional.cross_entropy(own, torch.from_numpy(train[1])))
        accuracies = _accuracy(own, train[1]), _accuracy(logits, valid[1])
        history.append(Epoch(len(history) + 1, train_loss, *accuracies, time.perf_counter() - start))
    assert best is not None  # there is at least one shrinkage
    return best, history


class _Scatter:
    """Class means and the scatter of the photos around them.

    Args:
        inputs: (N, r) float32.
        classes: (N,) int64.
        labels: K.
    """

    def __init__(self, inputs: Tensor, classes: NDArray[np.int64], labels: int) -> None:
        one_hot = nn.functional.one_hot(torch.from_numpy(classes), labels).to(inputs.dtype)
        counts = one_hot.sum(dim=0)
        self.absent = counts == 0
        self._means = (one_hot.T @ inputs) / counts.clamp(min=1)[:, None]
        around = inputs - self._means[torch.from_numpy(classes)]
        self._covariance = (around.T @ around) / len(inputs)
        # The mean variance in the span of the photos, whether they are written in it or not.
        self._rank = min(inputs.shape)

    def solve(self, shrinkage: float) -> tuple[Tensor, Tensor]:
        """Return (K, r) weights and (K,) biases, float32, for one shrinkage; 0 for a class without photos."""
        width = len(self._covariance)
        size = float(self._covariance.diagonal().sum()) / self._rank or 1.0
        shrunk = (1 - shrinkage) * self._covariance + shrinkage * size * torch.eye(width)
        weight = torch.cholesky_solve(self._means.T, torch.linalg.cholesky(shrunk)).T
        return weight, -(weight * self._means).sum(dim=1) / 2

    def without_absent(self, logits: Tensor) -> Tensor:
        """Return (N, K) logits in which a class without photos is less likely than all others."""
        least = logits.masked_fill(self.absent, torch.inf).min(dim=1, keepdim=True).values
        return torch.where(self.absent, least - 1, logits)


def _accuracy(logits: Tensor, classes: NDArray[np.int64]) -> float:
    return float((logits.argmax(dim=1).numpy() == classes).mean())
