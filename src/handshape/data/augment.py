"""Views: the same photo, turned, scaled, shifted and lit a little differently."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

# The view that shows the photo in a mirror: a left hand for a right one, as half the webcams show it.
MIRRORED = -1


@dataclass(frozen=True)
class Views:
    """How views of a photo are made. A view is never mirrored: that would be another hand.

    Args:
        rotation: Largest turn to either side, in degrees.
        scale: Largest change of size to either side, as a factor minus one.
        shift: Largest shift along each axis, as a fraction of the image's side.
        brightness: Largest change of brightness to either side, as a factor minus one.
    """

    rotation: float = 15.0
    scale: float = 0.15
    shift: float = 0.08
    brightness: float = 0.3

    def apply(self, batch: Tensor, digests: Sequence[str], view: int) -> Tensor:
        """Return one view of each image; the same digest and view number give the same view everywhere.

        Args:
            batch: (B, H, W, 3) uint8, RGB.
            digests: B content digests, from which the random numbers come.
            view: View number, 1 and up.

        Returns:
            (B, H, W, 3) float32 in [0, 255]; what lies outside the photo repeats its border.
        """
        draws = np.stack(
            [np.random.default_rng([int(d, 16) % 2**64, view]).uniform(-1, 1, 5) for d in digests]
        )
        turn, size, right, down, light = torch.from_numpy(draws.T.astype(np.float32)).to(batch.device)
        angle, scale = torch.deg2rad(turn * self.rotation), 1 + size * self.scale
        cosine, sine = torch.cos(angle) / scale, torch.sin(angle) / scale
        # affine_grid counts in halves of the side, hence the factor 2.
        rows = [cosine, -sine, right * 2 * self.shift, sine, cosine, down * 2 * self.shift]
        theta = torch.stack(rows, dim=1).reshape(-1, 2, 3)
        images = batch.permute(0, 3, 1, 2).to(torch.float32)
        grid = F.affine_grid(theta, list(images.shape), align_corners=False)
        moved = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
        lit: Tensor = (moved * (1 + light * self.brightness).reshape(-1, 1, 1, 1)).clamp(0, 255)
        return lit.permute(0, 2, 3, 1)
