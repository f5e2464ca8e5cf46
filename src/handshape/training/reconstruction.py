"""Training of decoders: photos as targets, L1 and structural similarity as the loss."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import Subset

from handshape.data.images.prepared import BatchedDataset, BatchIndices, PreparedImages, read_batch
from handshape.training.checkpoint import Checkpoint
from handshape.training.datasets import Inputs, Labelled
from handshape.training.loop import LoopSettings, train_loop
from handshape.training.predict import Measure, Objective

SSIM_WEIGHT = 0.1
"""Weight of 1 - SSIM beside L1: L1 keeps colours, SSIM asks for edges."""
# SSIM is computed at a quarter of the photo's height: at its full height it costs more than the decoder.
_SHRINK = 4
_WATCHED = 64


class TargetPhotos(BatchedDataset[Tensor]):
    """Photos to be reconstructed, (3, H, W) float32 in [0, 1].

    Args:
        images: All prepared images.
        indices: (N,) which of them.
        size: Height and width; photos that are larger are averaged.
    """

    def __init__(self, images: PreparedImages, indices: NDArray[np.int64], size: int) -> None:
        self._images, self._indices, self._size = images, indices, size

    def __len__(self) -> int:
        return len(self._indices)

    def __getitems__(self, indices: BatchIndices) -> Tensor:
        pixels = torch.from_numpy(read_batch(self._images, self._indices[np.asarray(indices)]))
        photos = pixels.permute(0, 3, 1, 2).to(torch.float32) / 255
        if photos.shape[-1] != self._size:
            photos = F.interpolate(photos, (self._size, self._size), mode="bilinear", antialias=True)
        return photos

    def mean(self) -> Tensor:
        """Return the mean photo, (3, H, W) float32 in [0, 1]."""
        starts = range(0, len(self), 64)
        batches = (read_batch(self, range(start, min(start + 64, len(self)))) for start in starts)
        parts = [photos.sum(dim=0, dtype=torch.float64) for photos in batches]
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


def summed_psnr(found: Tensor, wanted: Tensor) -> Tensor:
    """Return the sum of the photos' peak signal-to-noise ratios, dB."""
    return psnr_of(found, wanted).sum()


def train_reconstruction(
    network: nn.Module,
    groups: Sequence[dict[str, Any]],
    train: tuple[Inputs, TargetPhotos],
    valid: tuple[Inputs, TargetPhotos],
    settings: LoopSettings,
    *,
    what: str,
    keeper: Checkpoint,
    loss: Measure = reconstruction_loss,
    metric: Measure = summed_psnr,
) -> list[dict[str, float]]:
    """Train a network to reconstruct photos, in place.

    Args:
        network: From a batch of inputs to (B, 3, H, W) photos, on the device where it is trained.
        groups: Its parameters that are trained, with their highest learning rates.
        train: Inputs and the photos they were made of.
        valid: The same for validation; the first 64 are measured.
        settings: Epochs, batch size and schedule.
        what: Name shown with the progress.
        keeper: Keeps the state after every epoch.
        loss: Mean loss of a batch of outputs and photos.
        metric: Sum of the PSNR of such a batch.

    Returns:
        One row per epoch: loss, PSNR of the validation photos in dB, seconds.
    """
    watched = list(range(min(_WATCHED, len(valid[1]))))
    some = Labelled(Subset(valid[0], watched), Subset(valid[1], watched))
    objective = Objective(loss, metric)
    found = train_loop(
        network, groups, Labelled(*train), some, settings, objective=objective, what=what, keeper=keeper
    )
    network.load_state_dict(found.state)
    network.eval()
    return [
        {"epoch": row.epoch, "loss": row.loss, "valid_psnr": row.valid_accuracy, "seconds": row.seconds}
        for row in found.history
    ]
