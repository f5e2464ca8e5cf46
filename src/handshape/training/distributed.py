"""Processes that train one network together, each reading its share of every batch."""

from typing import Protocol

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor, nn

from handshape.training.inputs import Inputs


class World(Protocol):
    """The processes, as one of them sees them.

    Args:
        rank: Which of them this is.
        size: How many there are.
    """

    rank: int
    size: int

    def join(self, module: nn.Module) -> nn.Module:
        """Return a module whose gradients are the means over all processes."""
        ...

    def total(self, numbers: Tensor) -> Tensor:
        """Return the sums over all processes."""
        ...


class Alone:
    """One process."""

    rank, size = 0, 1

    def join(self, module: nn.Module) -> nn.Module:
        """Return the module."""
        return module

    def total(self, numbers: Tensor) -> Tensor:
        """Return the numbers."""
        return numbers


class Together:
    """The processes of a group that was set up, each with a network of its own that is the same.

    Args:
        device: Where this one computes.
    """

    def __init__(self, device: torch.device) -> None:
        self.rank, self.size, self._device = dist.get_rank(), dist.get_world_size(), device

    def join(self, module: nn.Module) -> nn.Module:
        """Return a module whose gradients are the means over all processes."""
        from torch.nn.parallel import DistributedDataParallel  # takes a while to import

        return DistributedDataParallel(module)

    def total(self, numbers: Tensor) -> Tensor:
        """Return the sums over all processes."""
        there = numbers.to(self._device)
        dist.all_reduce(there)
        return there.to(numbers.device)


def share_of(world: World, batch: NDArray[np.int64]) -> tuple[NDArray[np.int64], float]:
    """Return what this process reads of a batch.

    Args:
        world: The processes.
        batch: (B,) int64.

    Returns:
        Its share, and the factor of its mean loss with which the mean over the processes is the batch's.
        Of a batch with fewer images than there are processes, each reads all.
    """
    if len(batch) < world.size:
        return batch, 1.0
    own = batch[world.rank :: world.size]
    return own, len(own) * world.size / len(batch)


class ChosenInputs:
    """Some of the inputs.

    Args:
        inputs: M of them.
        indices: (N,) int64, which.
    """

    def __init__(self, inputs: Inputs, indices: NDArray[np.int64]) -> None:
        self._inputs, self._indices = inputs, indices

    def __len__(self) -> int:
        return len(self._indices)

    def take(self, indices: NDArray[np.int64]) -> Tensor:
        """Return a float32 batch for B indices."""
        return self._inputs.take(self._indices[indices])
