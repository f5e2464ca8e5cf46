"""Augmentation: moved, relit and mirrored views of photos."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from handshape.config.augment import AugmentOptions

# View number of the mirror image.
MIRRORED = -1
# Random numbers per view and photo; their order is fixed, so that cached views stay valid: rotation, scale,
# two shifts, light, two that are not used, mirror.
_DRAWS, _LIGHT, _MIRROR = 8, 4, 7


@dataclass(frozen=True)
class Views:
    """An augmentation policy.

    The random numbers of a view depend only on the photo's content and the view number, so a view can be
    cached. Torchvision's transforms draw from one global generator and treat all photos of a batch alike.

    Args:
        rotation: Largest rotation, in degrees.
        scale: Largest change of size, as a factor minus one.
        shift: Largest shift along each axis, as a fraction of the image size.
        brightness: Largest change of brightness, as a factor minus one.
        mirror: Whether half of the views are mirror images (a left hand for a right one).
    """

    rotation: float = 15.0
    scale: float = 0.15
    shift: float = 0.08
    brightness: float = 0.3
    mirror: bool = False

    def apply(self, batch: Tensor, digests: Sequence[str], view: int) -> Tensor:
        """Return one view of each image; the same digest and view number always give the same view.

        Args:
            batch: (B, H, W, 3) uint8, RGB.
            digests: B content digests; they seed the random numbers.
            view: View number, 1 and up.

        Returns:
            (B, H, W, 3) float32 in [0, 255].
        """
        chances = [np.random.default_rng([int(digest, 16) % 2**64, view]) for digest in digests]
        drawn = np.stack([rng.uniform(-1, 1, _DRAWS) for rng in chances])
        affine, light = (
            torch.from_numpy(array.astype(np.float32)).to(batch.device)
            for array in (self._affine(drawn), 1 + self.brightness * drawn[:, _LIGHT])
        )
        images = batch.permute(0, 3, 1, 2).to(torch.float32)
        grid = F.affine_grid(affine, list(images.shape), align_corners=False)
        # Pixels from outside a photo are those of its mirror image.
        moved = F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
        return (moved * light[:, None, None, None]).clamp(0, 255).permute(0, 2, 3, 1)

    def _affine(self, drawn: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (B, 2, 3) transforms."""
        # In numpy: torch's cosine was 0.999997 instead of 1 in one of a hundred processes (models/heads.py).
        turn, size, right, down = drawn[:, :_LIGHT].T
        angle, scale = np.deg2rad(turn * self.rotation), 1 + size * self.scale
        cosine, sine = np.cos(angle) / scale, np.sin(angle) / scale
        # affine_grid counts in halves of the width and height, hence the factor 2.
        rows = [cosine, -sine, right * self.shift * 2, sine, cosine, down * self.shift * 2]
        affine = np.stack(rows, axis=1).reshape(-1, 2, 3)
        if self.mirror:
            affine[drawn[:, _MIRROR] < 0, 0] *= -1
        return affine


def make_views(options: AugmentOptions) -> Views:
    """Return the policy of the settings."""
    return Views(mirror=options.mirror)
