"""Photometric augmentation: light, colours, blur and erased rectangles."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

# Weights of red, green and blue in grey. Source: ITU-R BT.601, 2.5.1.
_GREY = (0.299, 0.587, 0.114)


def relight(images: Tensor, brightness: Tensor, contrast: Tensor, saturation: Tensor, tint: Tensor) -> Tensor:
    """Change light and colours.

    Args:
        images: (B, 3, H, W) float32 in [0, 255].
        brightness: (B,) factor minus one.
        contrast: (B,) factor minus one, around the photo's mean.
        saturation: (B,) factor minus one, around each pixel's grey.
        tint: (B, 3) factors minus one of the channels.

    Returns:
        (B, 3, H, W) float32 in [0, 255].
    """
    weights = torch.tensor(_GREY, device=images.device)
    factor = (1 + saturation)[:, None, None]
    # All of it is linear in the colour: one product with a (3, 3) matrix for each photo.
    mix = factor * torch.eye(3, device=images.device) + (1 - factor) * weights.expand(3, 3)
    mix = mix * ((1 + brightness)[:, None] * (1 + tint))[:, None, :]
    flat = images.flatten(2)
    mean = (mix @ flat.mean(dim=2, keepdim=True)).mean(dim=1, keepdim=True)
    change = (1 + contrast)[:, None, None]
    lit = torch.baddbmm((1 - change) * mean, change * mix, flat).reshape(images.shape)
    return lit.clamp(0, 255)


def blur(images: Tensor, deviations: Tensor) -> Tensor:
    """Apply a Gaussian blur.

    Args:
        images: (B, 3, H, W) float32.
        deviations: (B,) standard deviations in pixels; up to 0.3, a photo is not changed.

    Returns:
        (B, 3, H, W) float32.
    """
    soft = deviations > 0.3  # less than that is hardly a blur
    if bool(soft.any()):
        images = images.clone()
        images[soft] = _blurred(images[soft], deviations[soft])
    return images


def _blurred(images: Tensor, deviations: Tensor) -> Tensor:
    radius = math.ceil(2.5 * float(deviations.max()))
    at = torch.arange(-radius, radius + 1, device=images.device, dtype=torch.float32)
    kernels = torch.exp(-(at**2) / (2 * deviations[:, None] ** 2))
    kernels = (kernels / kernels.sum(dim=1, keepdim=True)).repeat_interleave(3, dim=0)  # (3 B, 2 r + 1)
    count, _, height, width = images.shape
    flat = F.pad(images.reshape(1, 3 * count, height, width), [radius] * 4, mode="replicate")
    across = F.conv2d(flat, kernels[:, None, None, :], groups=3 * count)
    return F.conv2d(across, kernels[:, None, :, None], groups=3 * count).reshape(images.shape)


def erase(images: Tensor, draws: Tensor, largest: float) -> Tensor:
    """Erase a rectangle: fill it with one grey level.

    Args:
        images: (B, 3, H, W) float32 in [0, 255].
        draws: (B, 5) in [-1, 1]: width, height, horizontal and vertical position, and grey level. Negative
            widths erase nothing.
        largest: Largest width and height, as a fraction of the photo's.

    Returns:
        (B, 3, H, W) float32.

    Source: Zhong et al., Random Erasing Data Augmentation, AAAI 2020.
    """
    height, width = images.shape[2:]
    wide, high = draws[:, 0] * largest * width, (draws[:, 1] + 1) / 2 * largest * height
    left, top = (draws[:, 2] + 1) / 2 * (width - wide), (draws[:, 3] + 1) / 2 * (height - high)
    x, y = torch.arange(width, device=images.device), torch.arange(height, device=images.device)
    across = (x >= left[:, None]) & (x < (left + wide)[:, None])
    along = (y >= top[:, None]) & (y < (top + high)[:, None])
    inside = (along[:, :, None] & across[:, None, :])[:, None]
    grey = ((draws[:, 4] + 1) / 2 * 255)[:, None, None, None]
    return torch.where(inside, grey, images)
