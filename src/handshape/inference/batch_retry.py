"""Batches that do not fit into memory are worked on in portions, halved until they fit."""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

from handshape.errors import MemoryFullError
from handshape.inference.memory import is_memory_full
from handshape.progress import say

_Result = TypeVar("_Result")
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)

# Images that go through a network at once on a core: what the widest layers of common networks hold of more
# than a few images is no longer kept by the allocator, and the system clears the same memory again and again
# (SqueezeNet: 11 ms of processor time an image by fours, 22 ms by thirty-twos).
ON_A_CORE = 4


class Portions:
    """Cuts batches into portions that suit the device, and into smaller ones where memory is short.

    Args:
        network: What the batches go through. Where it is trained with the statistics of each batch, a portion
            keeps two images at least.
        most: Images of a portion; ``None`` for all of a batch.
    """

    def __init__(self, network: nn.Module | None = None, *, most: int | None = None) -> None:
        self._network, self._most = network, most

    def work(self, do: Callable[[list[slice]], _Result], count: int) -> _Result:
        """Work on a batch, and again in smaller portions where memory does not hold it.

        Args:
            do: Works on portions of the batch, given as slices of it; called anew after a failure.
            count: Images in the batch.

        Returns:
            What ``do`` returned.

        Raises:
            MemoryFullError: Not even the smallest portion fits.
        """
        while True:
            cuts = self._cut(count)
            try:
                return do(cuts)
            except (RuntimeError, MemoryError) as error:
                if not is_memory_full(error):
                    raise
                largest = max(cut.stop - cut.start for cut in cuts)
                if largest < 2 * self._fewest:
                    raise MemoryFullError(
                        f"not enough memory for {largest} image{'s' * (largest > 1)} at a time",
                        "more memory",
                        "close other programs, or choose a smaller --backbone",
                    ) from error
            # Outside of the block above, for the error there keeps the memory of the attempt.
            self._halve(largest)

    def _halve(self, largest: int) -> None:
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        half = largest // 2
        if self._most is None or half < self._most:
            self._most = half
            said = f"Out of memory: continuing with {half} image{'s' * (half > 1)} at a time."
            if self._fewest > 1:
                said += " Batch norm then sees fewer at once, and figures may differ."
            say(said)

    @property
    def _fewest(self) -> int:
        return 2 if self._network is not None and _normalises_batches(self._network) else 1

    def _cut(self, count: int) -> list[slice]:
        size = max(min(self._most or count, count), 1)
        starts = list(range(0, count, size)) or [0]
        if len(starts) > 1 and count - starts[-1] < self._fewest:
            starts.pop()  # the last joins the one before it
        return [slice(start, stop) for start, stop in zip(starts, [*starts[1:], count], strict=True)]


def _normalises_batches(network: nn.Module) -> bool:
    return any(isinstance(module, BATCH_NORMS) and module.training for module in network.modules())
