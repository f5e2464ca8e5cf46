"""What a camera makes of a scene: exposure, white balance, gamma, focus and noise."""

import torch
from torch import Tensor
from torch.nn import functional as F

_SOFT = 0.3  # share of photos that are a little out of focus
_NOISE = 0.03


def photograph(scenes: Tensor, chance: torch.Generator) -> Tensor:
    """Take each scene with another camera.

    Args:
        scenes: (B, 3, H, W) float32 in [0, 1].
        chance: Source of chance.

    Returns:
        (B, 3, H, W) float32 in [0, 1].
    """
    count = len(scenes)
    exposure = torch.exp(0.25 * torch.randn(count, 1, 1, 1, generator=chance))
    balance = 1 + 0.06 * torch.randn(count, 3, 1, 1, generator=chance)
    gamma = torch.exp(0.25 * torch.randn(count, 1, 1, 1, generator=chance))
    seen = (scenes * exposure * balance).clamp(1e-4, 1) ** gamma
    blurred = F.avg_pool2d(F.pad(seen, (1, 1, 1, 1), mode="replicate"), 3, 1)
    soft = torch.rand(count, 1, 1, 1, generator=chance) < _SOFT
    strength = _NOISE * torch.rand(count, 1, 1, 1, generator=chance)
    noise = strength * torch.randn(seen.shape, generator=chance)
    return (torch.where(soft, blurred, seen) + noise).clamp(0, 1)


def nudge(
    images: Tensor, size: int, chance: torch.Generator, *, turn: float, scale: float, shift: float
) -> Tensor:
    """Turn, scale and shift photos a little.

    Args:
        images: (B, 3, H, W) float32.
        size: Height and width afterwards, pixels.
        chance: Source of chance.
        turn: Largest turn, radians.
        scale: Deviation of the logarithm of the size.
        shift: Largest shift, halves of the side.

    Returns:
        (B, 3, size, size) float32; a photo goes on outside its edges with their colours.
    """
    count = len(images)
    angle = (2 * torch.rand(count, generator=chance) - 1) * turn
    zoom = torch.exp(scale * torch.randn(count, generator=chance)).clamp(0.6, 1.7)
    cosine, sine = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    moved = (2 * torch.rand(2, count, generator=chance) - 1) * shift
    rows = torch.stack([cosine, -sine, moved[0], sine, cosine, moved[1]], dim=1).reshape(-1, 2, 3)
    grid = F.affine_grid(rows, [count, 3, size, size], align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)
