"""Move a hand within its photo: turn, scale, shift, tilt and mirror, all with one resampling."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Moves:
    """How each of B photos is moved, (B,) each.

    Args:
        turn: Degrees.
        scale: Factor.
        right: Shift, as a fraction of the side.
        down: Shift, as a fraction of the side.
        across: How much nearer the right edge comes, as a fraction.
        along: How much nearer the lower edge comes, as a fraction.
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
    """Move photos.

    Args:
        images: (B, C, H, W) float32.
        moves: How.

    Returns:
        (B, C, H, W) float32; a photo goes on outside its edges as its own mirror image.

    Source: R. Hartley and A. Zisserman, Multiple View Geometry, 2003, 2.3 (projective transformations).
    """
    angle = torch.deg2rad(moves.turn)
    cosine, sine = torch.cos(angle) / moves.scale, torch.sin(angle) / moves.scale
    # affine_grid counts in halves of the side, hence the factor 2.
    rows = [cosine, -sine, moves.right * 2, sine, cosine, moves.down * 2]
    grid = F.affine_grid(torch.stack(rows, dim=1).reshape(-1, 2, 3), list(images.shape), align_corners=False)
    if bool((moves.across != 0).any() or (moves.along != 0).any()):
        tilt = torch.stack([moves.across, moves.along], dim=1)[:, None, None, :]
        # How far a place is away: dividing by it draws what is near larger.
        grid = grid / (1 + (grid * tilt).sum(dim=3, keepdim=True)).clamp(min=0.2)
    turned = torch.where(moves.mirrored[:, None, None], -grid[..., 0], grid[..., 0])
    grid = torch.stack([turned, grid[..., 1]], dim=3)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
