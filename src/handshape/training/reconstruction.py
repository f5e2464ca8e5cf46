"""Training towards photos: L1 and structural similarity, with a checkpoint after every epoch."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from handshape.data.images.prepared import Images
from handshape.progress import track
from handshape.training.checkpoint import Keeper, capture, restore
from handshape.training.inputs import Inputs

SSIM_WEIGHT = 0.1
"""Weight of 1 - SSIM beside L1. Of the two, L1 is what keeps colours; SSIM asks for edges."""
# SSIM is worked out at a quarter of the photo's height: at its full height it costs more than the decoder.
_SHRINK = 4
_WATCHED = 64
_WARM_UP = 0.1


@dataclass(frozen=True, kw_only=True)
class ReconstructionConfig:
    """How to train.

    Args:
        epochs: Passes over the training photos.
        batch_size: Photos in a step.
        learning_rates: Largest rate of Adam of each group of parameters; rises for a tenth of the steps, then
            falls along a cosine to zero.
        seed: Fixes the order of the photos.
    """

    epochs: int
    batch_size: int
    learning_rates: Sequence[float]
    seed: int


class Photos:
    """Photos to be given back.

    Args:
        images: All prepared images.
        indices: (N,) which of them.
        size: Height and width; smaller than the images' own, photos are averaged.
    """

    def __init__(self, images: Images, indices: NDArray[np.int64], size: int) -> None:
        self._images, self._indices, self._size = images, indices, size

    def __len__(self) -> int:
        return len(self._indices)

    def take(self, indices: NDArray[np.int64]) -> Tensor:
        """Return (B, 3, H, W) float32 in [0, 1] in channels-last memory."""
        pixels = torch.from_numpy(self._images.take(self._indices[np.asarray(indices)]))
        photos = pixels.permute(0, 3, 1, 2).to(torch.float32) / 255
        if photos.shape[-1] != self._size:
            photos = F.interpolate(photos, (self._size, self._size), mode="bilinear", antialias=True)
        return photos

    def mean(self) -> Tensor:
        """Return the mean photo, (3, H, W) float32 in [0, 1]."""
        order = np.arange(len(self))
        parts = [
            self.take(order[start : start + 64]).sum(dim=0, dtype=torch.float64)
            for start in range(0, len(order), 64)
        ]
        return (torch.stack(parts).sum(dim=0) / len(self)).float()


def reconstruction_loss(found: Tensor, wanted: Tensor) -> Tensor:
    """Return L1 plus a tenth of what structural similarity lacks to 1.

    Args:
        found: (N, 3, H, W) float32.
        wanted: (N, 3, H, W) float32 in [0, 1].

    Source: Z. Wang and others, Image Quality Assessment, IEEE Transactions on Image Processing 13(4), 2004;
    H. Zhao and others, Loss Functions for Image Restoration with Neural Networks, 2017, for the mixture.
    """
    from torchmetrics.functional.image import structural_similarity_index_measure as ssim

    small = (F.avg_pool2d(found, _SHRINK), F.avg_pool2d(wanted, _SHRINK))
    likeness = ssim(*small, data_range=1.0)
    assert isinstance(likeness, Tensor)  # a tuple only when more is asked for
    return F.l1_loss(found, wanted) + SSIM_WEIGHT * (1 - likeness)


def train_reconstruction(
    network: nn.Module,
    groups: Sequence[Sequence[nn.Parameter]],
    train: tuple[Inputs, Photos],
    valid: tuple[Inputs, Photos],
    config: ReconstructionConfig,
    *,
    device: torch.device,
    what: str,
    keeper: Keeper,
    forward: Callable[[nn.Module, Tensor, Tensor], Tensor] | None = None,
) -> list[dict[str, float]]:
    """Train a network to give photos back, in place; the last epoch is kept.

    Args:
        network: From a batch of inputs to (B, 3, H, W) photos.
        groups: Its parameters that are trained, one group for each learning rate.
        train: Inputs and the photos they were made of.
        valid: The same of the valid side; the first 64 of them are watched, and nothing is chosen by them.
        config: Epochs, batch size and rates.
        device: Where to train.
        what: Name shown with the progress.
        keeper: Keeps the state after every epoch.
        forward: Loss of a batch of inputs and photos, where it is not `reconstruction_loss`.

    Returns:
        One row per epoch: loss, PSNR of the watched photos in dB, seconds.
    """
    network.to(device)
    optimiser = torch.optim.Adam(
        [
            {"params": list(group), "lr": rate}
            for group, rate in zip(groups, config.learning_rates, strict=True)
        ]
    )
    order = torch.Generator().manual_seed(config.seed)
    history: list[dict[str, float]] = []
    kept = keeper.load()
    if kept is not None:
        restore(kept, network, optimiser, order)
        history = kept["history"]
    steps = math.ceil(len(train[1]) / config.batch_size)
    loss_of = forward or _loss
    with track(what, (config.epochs - len(history)) * len(train[1])) as advance:
        for epoch in range(len(history), config.epochs):
            start, losses = time.perf_counter(), []
            network.train()
            batches = torch.randperm(len(train[1]), generator=order).numpy()
            for step in range(steps):
                batch = batches[step * config.batch_size : (step + 1) * config.batch_size]
                _set_rates(optimiser, config.learning_rates, (epoch * steps + step) / (config.epochs * steps))
                loss = loss_of(network, train[0].take(batch).to(device), train[1].take(batch).to(device))
                optimiser.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                losses.append(loss.item() * len(batch))
                advance(len(batch))
            row = {"epoch": epoch + 1, "loss": math.fsum(losses) / len(train[1])}
            if forward is None:
                row["valid_psnr"] = _watch(network, valid, device)
            history.append({**row, "seconds": time.perf_counter() - start})
            keeper.save({**capture(network, optimiser, order), "history": history})
    network.eval()
    return history


def psnr_of(found: Tensor, wanted: Tensor) -> Tensor:
    """Return the peak signal-to-noise ratio of each photo.

    Args:
        found: (N, 3, H, W) float32, cut to [0, 1] here.
        wanted: (N, 3, H, W) float32 in [0, 1].

    Returns:
        (N,) float32, dB.
    """
    error = (found.clamp(0, 1) - wanted).square().mean(dim=(1, 2, 3))
    return -10 * torch.log10(error.clamp(min=1e-10))


def _loss(network: nn.Module, inputs: Tensor, photos: Tensor) -> Tensor:
    return reconstruction_loss(network(inputs), photos)


def _set_rates(optimiser: Any, largest: Sequence[float], done: float) -> None:
    share = (
        done / _WARM_UP
        if done < _WARM_UP
        else 0.5 * (1 + math.cos(math.pi * (done - _WARM_UP) / (1 - _WARM_UP)))
    )
    for group, rate in zip(optimiser.param_groups, largest, strict=True):
        group["lr"] = rate * max(share, 0.01)


def _watch(network: nn.Module, valid: tuple[Inputs, Photos], device: torch.device) -> float:
    network.eval()
    batch = np.arange(min(_WATCHED, len(valid[1])))
    with torch.inference_mode():
        found = network(valid[0].take(batch).to(device)).cpu()
    return float(psnr_of(found, valid[1].take(batch)).mean())
