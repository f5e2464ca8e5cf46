"""Processes that train one network together, each on its share of every batch."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


class Processes:
    """The processes that train together, as one of them sees them; here, this one alone."""

    rank, size = 0, 1

    def join(self, module: nn.Module) -> nn.Module:
        """Return a module whose gradients are the means over all processes."""
        return module

    def total(self, numbers: Tensor) -> Tensor:
        """Return the sums over all processes."""
        return numbers


class ProcessGroup(Processes):
    """The processes of torch's default group, each with the same network.

    Args:
        device: Where this one computes.
    """

    def __init__(self, device: torch.device) -> None:
        import torch.distributed as dist

        self.rank, self.size, self._device = dist.get_rank(), dist.get_world_size(), device

    def join(self, module: nn.Module) -> nn.Module:
        """Return a module whose gradients are the means over all processes."""
        from torch.nn.parallel import DistributedDataParallel  # takes a while to import

        return DistributedDataParallel(module)

    def total(self, numbers: Tensor) -> Tensor:
        """Return the sums over all processes."""
        import torch.distributed as dist

        there = numbers.to(self._device)
        dist.all_reduce(there)
        return there.to(numbers.device)


def share_of(processes: Processes, batch: NDArray[np.int64]) -> tuple[NDArray[np.int64], float]:
    """Return this process's share of a batch and the factor of its mean loss.

    With these factors, the mean over the processes is the batch's mean loss. A batch with fewer images than
    there are processes goes to each of them whole.
    """
    if len(batch) < processes.size:
        return batch, 1.0
    own = batch[processes.rank :: processes.size]
    return own, len(own) * processes.size / len(batch)
