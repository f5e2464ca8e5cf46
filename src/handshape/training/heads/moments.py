"""Class means and the scatter around them, added up exactly from rows that no memory would hold."""

from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from handshape.models.heads import Head
from handshape.training.heads.feature_rows import StoredRows

# Rows from which the centres are taken that sums are kept around.
_SAMPLE = 4096


class Moments:
    """Sums over rows from which means, deviations and the covariance within classes follow.

    They are kept around a centre for each class, near its mean: sums around the origin would lose digits
    where a mean is larger than the deviation from it. Any centre gives the same result but for rounding.

    Args:
        centres: (K, D) float32.

    Source: Chan, Golub and LeVeque, Algorithms for Computing the Sample Variance, 1983.
    """

    def __init__(self, centres: Tensor) -> None:
        labels, width = centres.shape
        self._centres = centres
        self._counts = torch.zeros(labels, dtype=torch.float64)
        self._sums = torch.zeros(labels, width, dtype=torch.float64)
        self._products = torch.zeros(width, width, dtype=torch.float64)

    @classmethod
    def around_sample(cls, head: Head, rows: StoredRows, classes: NDArray[np.int64], labels: int) -> Self:
        """Return empty sums around the class means of some of the rows, evenly spread.

        Args:
            head: Says whether roots are looked at.
            rows: N of them.
            classes: (N,) int64.
            labels: K.
        """
        some = np.unique(np.linspace(0, len(rows) - 1, _SAMPLE).astype(np.int64))
        one_hot = nn.functional.one_hot(torch.from_numpy(classes[some]), labels).float()
        counts = one_hot.sum(dim=0).clamp(min=1)
        return cls((one_hot.T @ head.rooted(rows.take(some))) / counts[:, None])

    def add(self, head: Head, rows: StoredRows, classes: NDArray[np.int64]) -> None:
        """Add N rows of (N,) int64 classes."""
        for place, block in rows.blocks():
            own = torch.from_numpy(classes[place])
            around = head.rooted(block) - self._centres[own]
            self._products += around.T @ around
            self._sums.index_add_(0, own, around.double())
            self._counts += torch.bincount(own, minlength=len(self._counts))

    def scaled(self, head: Head) -> tuple[Tensor, Tensor, Tensor, int]:
        """Scale a head by the rows.

        Args:
            head: Gets mean and scale.

        Returns:
            (K, D) means and the (D, D) covariance within classes of rows as the head scales them, float32,
            whether each class has no row, and the rank that the rows can have.
        """
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
