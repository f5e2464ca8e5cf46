"""Run a network over many prepared images: a graph on every core, or torch on an accelerator."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from handshape.data.images.prepared import PreparedImages, prefetch, read_batch
from handshape.data.images.workers import in_order, workers
from handshape.inference.batch_retry import ON_A_CORE, Portions
from handshape.inference.engine import Graph

# Images that go through a network at once.
ON_AN_ACCELERATOR = 128

Rows = NDArray[np.float16]
MakeView = Callable[[Tensor, NDArray[np.int64]], Tensor]
"""From B prepared images, (B, H, W, 3) uint8, and their (B,) indices to what the network is shown of them,
(B, H, W, 3) uint8 or float32 in [0, 255]."""


def run_graph(
    graph: Graph, view: MakeView, images: PreparedImages, indices: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], Rows]]:
    """Run a graph with one thread for each core, which reads and computes images one by one.

    Features of an image are therefore the same to the bit whatever else is extracted with it.

    Args:
        graph: From ``images``, (N, H, W, 3) float32 in [0, 255], to ``features``.
        view: What the network is shown of an image.
        images: N prepared images.
        indices: (M,) int64, which of them.

    Yields:
        Indices of B images and their (B, D) float16 features.
    """

    def one(index: np.int64) -> Rows:
        # torch's own threads would only get in the way of these.
        torch.set_num_threads(1)
        batch = np.array([index])
        shown = view(torch.from_numpy(read_batch(images, batch)), batch).numpy()
        features = graph.run(images=np.asarray(shown, dtype=np.float32))["features"]
        return features.reshape(1, -1).astype(np.float16)

    cores = torch.get_num_threads()
    try:
        with workers() as pool:
            for index, rows in zip(indices, in_order(pool, one, indices, 4), strict=True):
                yield np.array([index]), rows
    finally:
        torch.set_num_threads(cores)  # some libraries have one setting for all threads


def run_in_torch(
    network: Callable[[Tensor], Tensor],
    device: torch.device,
    view: MakeView,
    images: PreparedImages,
    indices: NDArray[np.int64],
) -> Iterator[tuple[NDArray[np.int64], Rows]]:
    """Run a network in torch: the next batch is read while this one is computed.

    The features of a batch are fetched only when the next one is under way.

    Args:
        network: From images as shown to (B, D) float16 features, on the device.
        device: Where it runs.
        view: What the network is shown of an image.
        images: N prepared images.
        indices: (M,) int64, which of them.

    Yields:
        Indices of B images and their (B, D) float16 features.
    """
    size = ON_A_CORE if device.type == "cpu" else ON_AN_ACCELERATOR
    batches = [indices[start : start + size] for start in range(0, len(indices), size)]
    portions = Portions()

    def read(prepared: NDArray[np.uint8], batch: NDArray[np.int64], cuts: list[slice]) -> Tensor:
        with torch.inference_mode():
            parts = [network(view(to_device(prepared[cut], device), batch[cut])) for cut in cuts]
            return torch.cat(parts)

    before: tuple[NDArray[np.int64], Tensor] | None = None
    for batch, prepared in zip(batches, prefetch(images, batches), strict=True):
        under_way = portions.work(partial(read, prepared, batch), len(batch))
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
