"""Linear discriminant analysis with a shrunk covariance: a linear head in closed form."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from handshape.models.heads import Head
from handshape.training.heads.dual_basis import span_of
from handshape.training.heads.feature_rows import Rows, Side, StoredRows, join_sides
from handshape.training.heads.moments import Moments
from handshape.training.history import Epoch, accuracy_of
from handshape.training.temperature import likeliest_temperature

# How much of the covariance is replaced by a sphere of the same size, most first.
SHRINKAGES = (0.9, 0.7, 0.5, 0.3, 0.1, 0.03, 0.01)
# Logits come out as squared distances in thousands of dimensions; a temperature brings them down.
_TEMPERATURES = (1e-3, 1e6)
# The logit of a label without photos.
_NEVER = -1e4

Blocks = Iterable[tuple[slice, Tensor]]
"""Parts of N rows: where a part is among them, and its (B, r) float32 numbers."""


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
        train: (N, ...) features and (N,) int64 classes.
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
    problem = _problem(head, train, layer.out_features)
    best, history = _choose(problem, train, valid)
    if not without_valid:
        problem = problem.joined(train, valid)
    scatter = problem.scatter
    weight, bias = scatter.solve(best.shrinkage)
    with torch.no_grad():
        layer.weight.copy_(problem.weights(weight) / best.temperature)
        layer.bias.copy_((bias / best.temperature).masked_fill(scatter.absent, _NEVER))
    head.eval()
    return history, best.logits


def _choose(problem: "_Whole | _ByBlocks", train: Side, valid: Side) -> tuple[_Chosen, list[Epoch]]:
    scatter, seen = problem.scatter, problem.blocks(valid[0])
    # What valid shows of a label without photos in train cannot be read right, and must not make all unsure.
    known = ~scatter.absent.numpy()[valid[1]]
    known = known if known.any() else np.ones_like(known)
    history: list[Epoch] = []
    best: _Chosen | None = None
    for shrinkage in SHRINKAGES:
        start = time.perf_counter()
        weight, bias = scatter.solve(shrinkage)
        parts = [scatter.without_absent(rows @ weight.T + bias) for _, rows in seen]
        logits = torch.cat(parts) if len(parts) > 1 else parts[0]
        temperature, loss = likeliest_temperature(logits.numpy()[known], valid[1][known], _TEMPERATURES)
        if best is None or loss < best.loss:
            best = _Chosen(shrinkage, temperature, logits / temperature, loss)
        train_loss, right = 0.0, 0.0
        for place, rows in problem.own:
            own, classes = scatter.without_absent(rows @ weight.T + bias) / temperature, train[1][place]
            share = len(classes) / len(train[1])
            train_loss += share * float(nn.functional.cross_entropy(own, torch.from_numpy(classes)))
            right += share * accuracy_of(own, classes)
        row = train_loss, right, accuracy_of(logits, valid[1]), time.perf_counter() - start
        history.append(Epoch(len(history) + 1, *row))
    assert best is not None  # there is at least one shrinkage
    return best, history


def _problem(head: Head, side: Side, labels: int) -> "_Whole | _ByBlocks":
    if isinstance(side[0], StoredRows):
        moments = Moments.around_sample(head, side[0], side[1], labels)
        return _ByBlocks(head, moments, side[0], side[1])
    return _Whole(head, side[0], side[1], labels)


class _Whole:
    """Rows in memory, in coordinates of their own span where they are few.

    Args:
        head: Scaled here.
        rows: (N, ...) float32.
        classes: (N,) int64.
        labels: K.
    """

    def __init__(self, head: Head, rows: Tensor, classes: NDArray[np.int64], labels: int) -> None:
        self._head, self._labels = head, labels
        head.scale_by(torch.flatten(rows, 1))
        inputs = head.scaled(rows)
        self._span = span_of(inputs)
        inputs = inputs if self._span is None else self._span.own
        self.scatter = Scatter.of(inputs, classes, labels)
        self.own: Blocks = [(slice(None), inputs)]

    def blocks(self, rows: Rows) -> Blocks:
        """Return other rows as these are written."""
        assert isinstance(rows, Tensor)  # sides are large or small together
        inputs = self._head.scaled(rows)
        return [(slice(None), inputs if self._span is None else self._span.coordinates(inputs))]

    def weights(self, short: Tensor) -> Tensor:
        """Return (K, D) weights of what these rows are solved by."""
        return short if self._span is None else self._span.weights(short)

    def joined(self, train: Side, valid: Side) -> "_Whole":
        """Return the problem of both sides together."""
        rows, classes = join_sides(train, valid)
        assert isinstance(rows, Tensor)
        return _Whole(self._head, rows, classes, self._labels)


class _ByBlocks:
    """Rows larger than memory, of which sums are enough.

    Args:
        head: Scaled here.
        moments: Sums of other rows, which these are added to.
        rows: N of them.
        classes: (N,) int64.
    """

    def __init__(self, head: Head, moments: Moments, rows: StoredRows, classes: NDArray[np.int64]) -> None:
        self._head, self._moments = head, moments
        moments.add(head, rows, classes)
        self.scatter = Scatter(*moments.scaled(head))
        self.own = self.blocks(rows)

    def blocks(self, rows: Rows) -> Blocks:
        """Return other rows as these are scaled."""
        assert isinstance(rows, StoredRows)  # sides are large or small together
        return _Scaled(self._head, rows)

    def weights(self, short: Tensor) -> Tensor:
        """Return (K, D) weights of what these rows are solved by."""
        return short

    def joined(self, train: Side, valid: Side) -> "_ByBlocks":
        """Return the problem of both sides together: train's sums are there already."""
        assert isinstance(valid[0], StoredRows)
        return _ByBlocks(self._head, self._moments, valid[0], valid[1])


class _Scaled:
    def __init__(self, head: Head, rows: StoredRows) -> None:
        self._head, self._rows = head, rows

    def __iter__(self) -> Iterator[tuple[slice, Tensor]]:
        for place, block in self._rows.blocks():
            yield place, self._head.scaled(block)


class Scatter:
    """Class means and the scatter of the photos around them.

    Args:
        means: (K, r) float32.
        covariance: (r, r) float32, within classes.
        absent: (K,) whether a class has no photo.
        rank: Numbers that the photos can vary in: the mean variance in their span, whether they are written
            in it or not, is the trace over this.
    """

    def __init__(self, means: Tensor, covariance: Tensor, absent: Tensor, rank: int) -> None:
        self._means, self._covariance, self.absent, self._rank = means, covariance, absent, rank

    @classmethod
    def of(cls, inputs: Tensor, classes: NDArray[np.int64], labels: int) -> "Scatter":
        """Return that of (N, r) float32 rows in memory, of (N,) int64 classes out of K."""
        one_hot = nn.functional.one_hot(torch.from_numpy(classes), labels).to(inputs.dtype)
        counts = one_hot.sum(dim=0)
        means = (one_hot.T @ inputs) / counts.clamp(min=1)[:, None]
        around = inputs - means[torch.from_numpy(classes)]
        return cls(means, (around.T @ around) / len(inputs), counts == 0, min(inputs.shape))

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
