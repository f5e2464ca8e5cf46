"""Class means and the covariance within classes, of few features in memory or of many by blocks."""

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from handshape.data.images.prepared import read_batch
from handshape.models.heads import Head
from handshape.training.datasets import FeatureRows
from handshape.training.heads.dual_basis import DualBasis, dual_basis

# Rows from which the centres are taken that sums are kept around.
_SAMPLE = 4096


Blocks = Iterable[tuple[slice, Tensor]]
"""Blocks of rows: where each is among them, and its numbers."""


class ClassCovariance:
    """Class means and the shared covariance of features, as a head scales them.

    With fewer rows than features all is written in coordinates of the rows' own span, which are as many as
    there are rows. Otherwise sums over blocks are enough, and memory never holds more than a block of rows.

    Args:
        head: Scaled here.
        labels: K.

    Source: Chan, Golub and LeVeque, Algorithms for Computing the Sample Variance, 1983, for the sums.
    """

    def __init__(self, head: Head, labels: int) -> None:
        self._head, self._labels = head, labels
        self._parts: list[tuple[FeatureRows, NDArray[np.int64]]] = []
        self._basis: DualBasis | None = None
        self._sums: _Sums | None = None

    means: Tensor
    """(K, r) float32 class means."""
    covariance: Tensor
    """(r, r) float32 covariance within classes."""
    absent: Tensor
    """(K,) bool, whether a class has no row."""
    rank: int
    """Dimensions that the rows can vary in: the mean variance in their span is the trace over this."""

    def add(self, rows: FeatureRows, classes: NDArray[np.int64]) -> None:
        """Add N rows of (N,) int64 classes."""
        self._parts.append((rows, classes))
        self._basis = self._dual() if self._sums is None else None
        if self._basis is None:
            new = self._parts if self._sums is None else self._parts[-1:]
            self._sums = self._sums or _Sums.around_sample(self._head, rows, classes, self._labels)
            for part in new:
                self._sums.add(self._head, *part)
            self.means, self.covariance, self.absent, self.rank = self._sums.scaled(self._head)

    def _dual(self) -> DualBasis | None:
        count, width = sum(len(classes) for _, classes in self._parts), self._parts[0][0].width
        if not DualBasis.pays(count, width):
            return None
        inputs = torch.cat([rows.read() for rows, _ in self._parts])
        self._head.scale_by(inputs)
        inputs = self._head.scaled(inputs)
        basis = dual_basis(inputs)
        if basis is not None:
            classes = torch.from_numpy(np.concatenate([classes for _, classes in self._parts]))
            one_hot = F.one_hot(classes, self._labels).float()
            counts = one_hot.sum(dim=0)
            self.means = (one_hot.T @ basis.own) / counts.clamp(min=1)[:, None]
            around = basis.own - self.means[classes]
            self.covariance = (around.T @ around) / count
            self.absent, self.rank = counts == 0, count
        return basis

    def solve(self, shrinkage: float) -> tuple[Tensor, Tensor]:
        """Return (K, r) weights and (K,) biases, float32, for one shrinkage; 0 for a class without rows."""
        width = len(self.covariance)
        variance = float(self.covariance.diagonal().sum()) / self.rank or 1.0
        shrunk = (1 - shrinkage) * self.covariance + shrinkage * variance * torch.eye(width)
        weight = torch.cholesky_solve(self.means.T, torch.linalg.cholesky(shrunk)).T
        return weight, -(weight * self.means).sum(dim=1) / 2

    def coordinates(self, rows: FeatureRows) -> Blocks:
        """Return (B, r) float32 coordinates of rows: in the basis at once, otherwise anew in each pass."""
        basis = self._basis
        if basis is None:
            return _ScaledBlocks(self._head, rows)
        if [rows] == [part for part, _ in self._parts]:
            return [(slice(0, len(rows)), basis.own)]
        return [(place, basis.coordinates(self._head.scaled(block))) for place, block in rows.blocks()]

    def weights(self, short: Tensor) -> Tensor:
        """Return (K, D) weights on scaled features that equal (K, r) ones on coordinates."""
        return short if self._basis is None else self._basis.weights(short)


class _ScaledBlocks:
    def __init__(self, head: Head, rows: FeatureRows) -> None:
        self._head, self._rows = head, rows

    def __iter__(self) -> Iterator[tuple[slice, Tensor]]:
        for place, block in self._rows.blocks():
            yield place, self._head.scaled(block)


class _Sums:
    """Sums around a centre for each class, near its mean.

    Sums around the origin would lose digits where a mean is larger than the deviation from it. Any centre
    gives the same result but for rounding.
    """

    def __init__(self, centres: Tensor) -> None:
        labels, width = centres.shape
        self._centres = centres
        self._counts = torch.zeros(labels, dtype=torch.float64)
        self._sums = torch.zeros(labels, width, dtype=torch.float64)
        self._products = torch.zeros(width, width, dtype=torch.float64)

    @classmethod
    def around_sample(cls, head: Head, rows: FeatureRows, classes: NDArray[np.int64], labels: int) -> "_Sums":
        some = np.unique(np.linspace(0, len(rows) - 1, _SAMPLE).astype(np.int64))
        one_hot = F.one_hot(torch.from_numpy(classes[some]), labels).float()
        counts = one_hot.sum(dim=0).clamp(min=1)
        return cls((one_hot.T @ head.rooted(read_batch(rows, some).flatten(1))) / counts[:, None])

    def add(self, head: Head, rows: FeatureRows, classes: NDArray[np.int64]) -> None:
        for place, block in rows.blocks():
            own = torch.from_numpy(classes[place])
            around = head.rooted(block) - self._centres[own]
            self._products += around.T @ around
            self._sums.index_add_(0, own, around.double())
            self._counts += torch.bincount(own, minlength=len(self._counts))

    def scaled(self, head: Head) -> tuple[Tensor, Tensor, Tensor, int]:
        """Scale the head by the rows; return means, covariance, absent classes and rank of scaled rows."""
        count, absent = self._counts.sum(), self._counts == 0
        shifts = self._sums / self._counts.clamp(min=1)[:, None]
        means = self._centres + shifts
        mean = (self._counts / count) @ means
        within = self._products - (shifts.T * self._counts) @ shifts
        between = self._counts @ (means - mean).square()
        head.scale_to(mean.float(), ((within.diagonal() + between) / count).clamp(min=0).sqrt().float())
        scale = head.scale.double()
        covariance = within.mul_(scale / count).mul_(scale[:, None]).float()
        scaled = ((means - head.mean) * scale).masked_fill(absent[:, None], 0.0)
        return scaled.float(), covariance, absent, min(int(count), len(covariance))
