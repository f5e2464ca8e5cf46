"""Quality of reconstructed photos: PSNR, structural similarity, and the share of fine detail."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from handshape.data.images.prepared import read_batch
from handshape.evaluation.json_result import JsonResult
from handshape.training.reconstruction import TargetPhotos, psnr_of

# Detail finer than this many pixels.
_FINE = 8
_BATCH = 32


@dataclass(frozen=True)
class Reconstruction(JsonResult):
    """Similarity of reconstructions to their photos.

    Args:
        psnr: Mean over photos of the peak signal-to-noise ratio, dB.
        psnr_low: The 10 % quantile.
        psnr_high: The 90 % quantile.
        ssim: Mean structural similarity at full size, at most 1.
        detail: Share of the fine detail (finer than 8 pixels, without that of the mean photo) that was
            reconstructed: the regression slope of the reconstructions' detail on the photos', 0 to 1.
    """

    psnr: float
    psnr_low: float
    psnr_high: float
    ssim: float
    detail: float


def measure_reconstruction(
    photos: TargetPhotos, rebuild: Callable[[NDArray[np.int64]], Tensor], mean: Tensor
) -> Reconstruction:
    """Compare photos with their reconstructions.

    Args:
        photos: N photos.
        rebuild: Gives (B, 3, H, W) float32 reconstructions for B indices; they are cut to [0, 1] here.
        mean: (3, H, W) float32, the mean training photo, which is subtracted.

    Source: Z. Wang and others, Image Quality Assessment: From Error Visibility to Structural Similarity,
    IEEE Transactions on Image Processing 13(4), 2004, as torchmetrics has it (11 x 11 Gaussian window).
    """
    from torchmetrics.functional.image import structural_similarity_index_measure as ssim

    ratios, likenesses, shared, whole = [], [], 0.0, 0.0
    order = np.arange(len(photos))
    with torch.inference_mode():
        for start in range(0, len(order), _BATCH):
            batch = order[start : start + _BATCH]
            wanted, found = read_batch(photos, batch), rebuild(batch).cpu().clamp(0, 1)
            ratios.append(psnr_of(found, wanted))
            likeness = ssim(found, wanted, data_range=1.0, reduction="none")
            assert isinstance(likeness, Tensor)  # a tuple only with other options
            likenesses.append(likeness)
            fine = _fine(wanted - mean)
            shared += float((_fine(found - mean) * fine).sum(dtype=torch.float64))
            whole += float(fine.square().sum(dtype=torch.float64))
    each = torch.cat(ratios).double()
    low, high = (float(torch.quantile(each, share)) for share in (0.1, 0.9))
    detail = shared / whole if whole > 0 else 1.0
    return Reconstruction(float(each.mean()), low, high, float(torch.cat(likenesses).double().mean()), detail)


def _fine(photos: Tensor) -> Tensor:
    """Return (N, 3, H, W) photos minus their averages over 8 x 8 pixels."""
    side = max(photos.shape[-1] // _FINE, 1)
    coarse = F.interpolate(photos, (side, side), mode="bilinear", antialias=True)
    return photos - F.interpolate(coarse, photos.shape[-2:], mode="bilinear")
