"""Rows of features for heads: whole in memory where they are few, else where they lie, by blocks."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from handshape.models.heads import Head
from handshape.training.inputs import FeatureInputs, Inputs

# Features of all photos that a head learns from, in float16, up to which they are copied to float32: solving
# a head then takes some ten times as many bytes.
AT_ONCE = 512 * 1024**2
# Rows of one block: enough for a matrix product to be worth its start.
BLOCK = 2048

Part = tuple[NDArray[np.float16], NDArray[np.int64]]
"""(M, ...) features as they are stored, in memory or in a file, and the (N,) rows of them that are meant."""


class StoredRows:
    """Rows that stay in float16 where they lie; never more than a block of them is in float32.

    Args:
        parts: One after another.
    """

    def __init__(self, *parts: Part) -> None:
        self.parts = parts
        self.width = int(np.prod(parts[0][0].shape[1:]))

    def __len__(self) -> int:
        return sum(len(own) for _, own in self.parts)

    def take(self, indices: NDArray[np.int64]) -> Tensor:
        """Return (B, D) float32."""
        asked, start = np.asarray(indices, dtype=np.int64), 0
        rows = np.empty((len(asked), self.width), dtype=np.float32)
        for stored, own in self.parts:
            here = (asked >= start) & (asked < start + len(own))
            rows[here] = stored[own[asked[here] - start]].reshape(-1, self.width)
            start += len(own)
        return torch.from_numpy(rows)

    def blocks(self) -> Iterator[tuple[slice, Tensor]]:
        """Yield where a block is among the rows, and its (B, D) float32 features."""
        for start in range(0, len(self), BLOCK):
            place = slice(start, min(start + BLOCK, len(self)))
            yield place, self.take(np.arange(place.start, place.stop))


Rows = Tensor | StoredRows
"""(N, ...) float32 features, or where they are."""
Side = tuple[Rows, NDArray[np.int64]]
"""Features and (N,) int64 classes of the photos on one side of a split."""


def all_of(stored: NDArray[np.float16]) -> Part:
    """Return every row of stored features as a part."""
    return stored, np.arange(len(stored))


def rows_of(train: Sequence[Part], valid: Part) -> tuple[Rows, Rows]:
    """Return the rows of train and of valid: in memory if all of them together are few.

    Args:
        train: Parts, one after another.
        valid: One part.
    """
    count, width = sum(len(own) for _, own in (*train, valid)), np.prod(valid[0].shape[1:])
    if count * width * 2 > AT_ONCE:
        return StoredRows(*train), StoredRows(valid)
    return torch.cat([_in_memory(part) for part in train]), _in_memory(valid)


def _in_memory(part: Part) -> Tensor:
    stored, own = part
    return torch.from_numpy(stored[own].astype(np.float32))


def join_sides(first: Side, second: Side) -> Side:
    """Return the rows and classes of two sides, one after the other."""
    (rows, classes), (more, others) = first, second
    both = np.concatenate([classes, others])
    if isinstance(rows, StoredRows) and isinstance(more, StoredRows):
        return StoredRows(*rows.parts, *more.parts), both
    assert isinstance(rows, Tensor) and isinstance(more, Tensor)  # sides are large or small together
    return torch.cat([rows, more]), both


def scale_by(head: Head, rows: Rows) -> None:
    """Take a head's mean and scale from rows.

    Args:
        head: Scaled here.
        rows: N of them.
    """
    if isinstance(rows, Tensor):
        head.scale_by(torch.flatten(rows, 1))
        return
    # Around one of them: a feature that never changes then has a deviation of exactly 0.
    centre = head.rooted(rows.take(np.zeros(1, dtype=np.int64))).double()[0]
    total, squares = torch.zeros_like(centre), torch.zeros_like(centre)
    for _, block in rows.blocks():
        around = head.rooted(block) - centre
        total, squares = total + around.sum(dim=0), squares + around.square().sum(dim=0)
    mean = total / len(rows)
    head.scale_to((centre + mean).float(), (squares / len(rows) - mean * mean).clamp(min=0).sqrt().float())


def inputs_of(rows: "Rows | ScaledRows") -> Inputs:
    """Return rows as a network is fed them."""
    return FeatureInputs(rows) if isinstance(rows, Tensor) else rows


class ScaledRows:
    """Rows as a head scales them, for a loop that takes batches.

    Args:
        head: Scaled already.
        rows: N of them.
    """

    def __init__(self, head: Head, rows: StoredRows) -> None:
        self._head, self._rows = head, rows

    def __len__(self) -> int:
        return len(self._rows)

    def take(self, indices: NDArray[np.int64]) -> Tensor:
        """Return (B, D) float32."""
        return self._head.scaled(self._rows.take(indices))
