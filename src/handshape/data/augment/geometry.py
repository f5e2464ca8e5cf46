"""Geometric augmentation: rotate, scale, shift, tilt and mirror, in one resampling."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Moves:
    """Geometric changes of B photos, (B,) each.

    Args:
        turn: Rotation in degrees.
        scale: Factor.
        right: Shift to the right, as a fraction of the width.
        down: Shift down, as a fraction of the height.
        across: Tilt that brings the right edge nearer, as a fraction.
        along: Tilt that brings the lower edge nearer, as a fraction.
        mirrored: Bool.
    """

    turn: Tensor
    scale: Tensor
    right: Tensor
    down: Tensor
    across: Tensor
    along: Tensor
    mirrored: Tensor


def move(images: Tensor, moves: Moves) -> Tensor:
    """Move photos, (B, C, H, W) float32; pixels from outside a photo are those of its mirror image.

    Source: R. Hartley and A. Zisserman, Multiple View Geometry, 2003, 2.3 (projective transformations).
    """
    angle = torch.deg2rad(moves.turn)
    cosine, sine = torch.cos(angle) / moves.scale, torch.sin(angle) / moves.scale
    # affine_grid counts in halves of the width and height, hence the factor 2.
    rows = [cosine, -sine, moves.right * 2, sine, cosine, moves.down * 2]
    grid = F.affine_grid(torch.stack(rows, dim=1).reshape(-1, 2, 3), list(images.shape), align_corners=False)
    if bool((moves.across != 0).any() or (moves.along != 0).any()):
        tilt = torch.stack([moves.across, moves.along], dim=1)[:, None, None, :]
        # Perspective: dividing by the distance makes near things larger.
        grid = grid / (1 + (grid * tilt).sum(dim=3, keepdim=True)).clamp(min=0.2)
    turned = torch.where(moves.mirrored[:, None, None], -grid[..., 0], grid[..., 0])
    grid = torch.stack([turned, grid[..., 1]], dim=3)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
