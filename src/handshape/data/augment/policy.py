"""The augmentation policy, and one augmented view of a batch of photos."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from handshape.config.augment import AugmentOptions
from handshape.data.augment.geometry import Moves, move
from handshape.data.augment.photometric import blur, erase, relight

# View number of the mirror image.
MIRRORED = -1
# Random numbers per view and photo. Their order is fixed, so that cached views stay valid.
_MOVES, _LIGHT, _BLUR, _ERASE = 8, 5, 1, 5


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
        perspective: Largest tilt around each axis, as a fraction.
        contrast: Largest change of contrast, as a factor minus one.
        saturation: Largest change of saturation, as a factor minus one.
        tint: Largest change of each colour channel, as a factor minus one.
        blur: Largest standard deviation of a Gaussian blur, as a fraction of the image size; half of the
            views are not blurred.
        erase: Largest width of an erased rectangle, as a fraction of the image size; half of the views have
            none.
        mirror: Whether half of the views are mirror images (a left hand for a right one).
    """

    rotation: float = 15.0
    scale: float = 0.15
    shift: float = 0.08
    brightness: float = 0.3
    perspective: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    tint: float = 0.0
    blur: float = 0.0
    erase: float = 0.0
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
        count = _MOVES + _LIGHT + _BLUR + _ERASE
        drawn = np.stack([rng.uniform(-1, 1, count) for rng in chances]).astype(np.float32)
        draws = torch.from_numpy(drawn).to(batch.device)
        moves, light, blurs, erased = torch.split(draws, [_MOVES, _LIGHT, _BLUR, _ERASE], dim=1)
        images = batch.permute(0, 3, 1, 2).to(torch.float32)
        moved = move(images, self._moves(moves))
        # The brightness is the fifth of the first numbers; see above.
        light = torch.cat([moves[:, 4:5], light[:, 1:]], dim=1)
        lit = relight(
            moved,
            self.brightness * light[:, 0],
            self.contrast * light[:, 1],
            self.saturation * light[:, 2],
            self.tint * light[:, 3:4] * _WARMER.to(light.device),
        )
        soft = blur(lit, (blurs[:, 0] * self.blur * batch.shape[1]).clamp(min=0)) if self.blur else lit
        seen = erase(soft, erased, self.erase) if self.erase else soft
        return seen.clamp(0, 255).permute(0, 2, 3, 1)

    def _moves(self, draws: Tensor) -> Moves:
        turn, size, right, down, _, across, along, mirror = draws.unbind(dim=1)
        return Moves(
            turn * self.rotation,
            1 + size * self.scale,
            right * self.shift,
            down * self.shift,
            across * self.perspective,
            along * self.perspective,
            (mirror < 0) & self.mirror,
        )


# From warm to cold light: red and blue change in opposite directions.
_WARMER = torch.tensor([[1.0, 0.0, -1.0]])
_STRONG = Views(
    rotation=20.0, scale=0.2, shift=0.1, brightness=0.4, perspective=0.2, contrast=0.3, saturation=0.3,
    tint=0.1, blur=0.01, erase=0.25,
)  # fmt: skip


def make_views(options: AugmentOptions) -> Views:
    """Return the policy of the settings; with ``augment`` none, it is not used."""
    return replace(_STRONG if options.augment == "strong" else Views(), mirror=options.mirror)
