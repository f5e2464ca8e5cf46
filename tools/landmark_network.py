"""How a hand is held: a network that finds the 21 landmarks of a hand cut out upright."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CROP_SIZE = 224
"""Height and width of its images, pixels."""
POINTS = 21
"""The wrist and four of each finger, from the thumb to the little finger and from its root to its tip."""

# Of each block: channels it is widened to, channels it ends with, size of its kernel, stride.
_BLOCKS = (
    (64, 24, 3, 2),
    (144, 24, 3, 1),
    (144, 40, 5, 2),
    (240, 40, 5, 1),
    (240, 80, 3, 2),
    (480, 80, 3, 1),
    (480, 80, 3, 1),
    (480, 112, 5, 1),
    (672, 112, 5, 1),
    (672, 112, 5, 1),
    (672, 192, 5, 2),
    (1152, 192, 5, 1),
    (1152, 192, 5, 1),
    (1152, 192, 5, 1),
)
_FIRST, _SECOND, _LAST = 24, 16, 1152


class LandmarkNet(nn.Module):
    """Finds the landmarks of one hand.

    Source: the hand landmark model of MediaPipe Hands (F. Zhang and others, arXiv 2006.10214), whose weights
    it takes; its layers are those of M. Tan and Q. Le, EfficientNet (arXiv 1905.11946), without attention.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, _FIRST, 3, 2, padding=1)
        self.second = nn.Sequential(_depthwise(_FIRST, 3, 1), nn.Conv2d(_FIRST, _SECOND, 1))
        before = [_SECOND, *(width for _, width, _, _ in _BLOCKS)]
        self.blocks = nn.Sequential(
            *(InvertedResidual(c, *shape) for c, shape in zip(before, _BLOCKS, strict=False))
        )
        self.last = nn.Sequential(nn.Conv2d(before[-1], _LAST, 1), _depthwise(_LAST, 3, 1))
        self.points, self.there = nn.Linear(_LAST, POINTS * 3), nn.Linear(_LAST, 1)
        self.side = nn.Linear(_LAST, 1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Find the landmarks.

        Args:
            images: (N, 3, 224, 224) float32, RGB in [0, 1]: hands with the fingers up.

        Returns:
            (N, 21, 3) float32, x and y in shares of the image and depth on the same scale; (N,) float32, how
            likely this is a hand, in [0, 1]; (N,) float32, how likely it is a right one, in [0, 1]; (N, 1152)
            float32, the last layer averaged over all places.
        """
        # So are its kernels, and torch's padding is that of the network's makers.
        upside_down = images.flip(2, 3).contiguous(memory_format=torch.channels_last)
        around, narrow = self.second
        seen = self.blocks(narrow(F.relu6(around(F.relu6(self.stem(upside_down))))))
        for layer in self.last:
            seen = F.relu6(layer(seen))
        seen = seen.mean(dim=(2, 3))
        points = self.points(seen).unflatten(1, (POINTS, 3)) / CROP_SIZE
        return points, self.there(seen)[:, 0].sigmoid(), self.side(seen)[:, 0].sigmoid(), seen


class InvertedResidual(nn.Module):
    """Widens, looks around in each channel and narrows again; where the shape stays, its input is added.

    Args:
        before: Channels of the input.
        wide: Channels in between.
        width: Channels of the output.
        kernel: Height and width of the look around.
        stride: 2 halves the map.
    """

    def __init__(self, before: int, wide: int, width: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.residual = stride == 1 and before == width
        self.widen = nn.Conv2d(before, wide, 1)
        self.around = _depthwise(wide, kernel, stride)
        self.narrow = nn.Conv2d(wide, width, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, width, h / stride, w / stride) float32."""
        narrow: Tensor = self.narrow(F.relu6(self.around(F.relu6(self.widen(images)))))
        return images + narrow if self.residual else narrow


def _depthwise(width: int, kernel: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(width, width, kernel, stride, padding=kernel // 2, groups=width)
