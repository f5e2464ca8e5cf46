"""Run a backbone over many prepared images: on every core, or on an accelerator with reading ahead of it."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from handshape.data.images.prepared import PreparedImages, prefetch, read_batch
from handshape.data.images.workers import in_order, workers
from handshape.inference.batch_retry import ON_A_CORE, Portions

# Images that go through a network at once.
ON_AN_ACCELERATOR = 128

Rows = NDArray[np.float16]
Network = Callable[[NDArray[np.uint8], NDArray[np.int64]], Tensor]
"""From B prepared images (B, H, W, 3) and their (B,) indices to their (B, D) float16 features."""


def run_on_cores(
    network: Network, images: PreparedImages, indices: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], Rows]]:
    """Run a network with one thread for each core, which reads, prepares and computes its own batches.

    Every batch is of the same size (the last one repeats an image), so that the features of an image are the
    same to the bit whatever else is extracted with it.

    Args:
        network: The network, on the CPU.
        images: N prepared images.
        indices: (M,) int64, which of them.

    Yields:
        Indices of B images and their (B, D) float16 features.
    """
    batches = _cut(indices, ON_A_CORE)
    one = partial(_run_full, network, images, Portions())
    with workers() as pool:
        yield from zip(batches, in_order(pool, one, batches), strict=True)


def run_on_this_core(
    network: Network, images: PreparedImages, indices: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], Rows]]:
    """Run a network in this thread; the features are those of `run_on_cores`, to the bit.

    Args:
        network: The network, on the CPU.
        images: N prepared images.
        indices: (M,) int64, which of them.

    Yields:
        Indices of B images and their (B, D) float16 features.
    """
    portions = Portions()
    for batch in _cut(indices, ON_A_CORE):
        yield batch, _run_full(network, images, portions, batch)


def run_on_accelerator(
    network: Network, images: PreparedImages, indices: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], Rows]]:
    """Run a network on an accelerator: the next batch is read while this one is computed.

    The features of a batch are fetched only when the next one is under way.

    Args:
        network: The network, which takes its images to the accelerator.
        images: N prepared images.
        indices: (M,) int64, which of them.

    Yields:
        Indices of B images and their (B, D) float16 features.
    """
    batches = _cut(indices, ON_AN_ACCELERATOR)
    portions = Portions()
    before: tuple[NDArray[np.int64], Tensor] | None = None
    for batch, prepared in zip(batches, prefetch(images, batches), strict=True):
        under_way = portions.work(partial(_read, network, prepared, batch), len(batch))
        if before is not None:
            yield before[0], before[1].cpu().numpy()
        before = batch, under_way
    if before is not None:
        yield before[0], before[1].cpu().numpy()


def to_device(prepared: NDArray[np.uint8], device: torch.device) -> Tensor:
    """Take prepared images to a device, on CUDA without waiting for them to arrive.

    Args:
        prepared: (B, H, W, 3) uint8.
        device: Where they go; uint8, a quarter of what float32 would weigh.
    """
    batch = torch.from_numpy(prepared)
    return batch.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else batch.to(device)


def _run_full(network: Network, images: PreparedImages, portions: Portions, batch: NDArray[np.int64]) -> Rows:
    full = np.concatenate([batch, np.repeat(batch[-1:], ON_A_CORE - len(batch))])
    rows: Rows = portions.work(partial(_read, network, read_batch(images, full), full), len(full)).numpy()
    return rows[: len(batch)]


def _read(
    network: Network, prepared: NDArray[np.uint8], batch: NDArray[np.int64], cuts: list[slice]
) -> Tensor:
    with torch.inference_mode():
        return torch.cat([network(prepared[cut], batch[cut]) for cut in cuts])


def _cut(indices: NDArray[np.int64], size: int) -> Sequence[NDArray[np.int64]]:
    return [indices[start : start + size] for start in range(0, len(indices), size)]
