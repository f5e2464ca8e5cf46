"""Convolutions that are read together with what follows them, in one pass over their maps."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from handshape.models.reading import ReadConv2d, laid_out


class FusedConv2d(ReadConv2d):
    """A convolution over maps of the same size, or of half of it, with what follows.

    On one thread torch reads narrow convolutions of 1 x 1 with copies before and behind, and writes and reads
    each map once more for what follows: together half of the time of a network made of them.

    Args:
        before: Channels of the input.
        width: Channels of the output.
        kernel: Height and width of the kernel, odd.
        stride: 2 halves the map.
        groups: As many as channels where each is looked at by itself.
        relu6: Whether outputs are held between 0 and 6.
    """

    def __init__(
        self, before: int, width: int, kernel: int, stride: int = 1, groups: int = 1, *, relu6: bool = False
    ) -> None:
        super().__init__(before, width, kernel, stride, padding=kernel // 2, groups=groups)
        self.relu6 = relu6

    def prepare(self, height: int, width: int) -> Tensor:
        """Return the weights, laid out."""
        return laid_out(self.weight, self, self._pixels, 1, [height, width])

    def forward(self, images: Tensor, onto: Tensor | None = None) -> Tensor:
        """Return (N, O, h, w) float32.

        Args:
            images: (N, C, H, W) float32.
            onto: (N, O, h, w) float32 that the output is added to; its memory may be used up.
        """
        kernel = self.prepared(images)
        if kernel is None:
            out = super().forward(images)
            out = out if onto is None else onto + out
            return F.relu6(out) if self.relu6 else out
        applied: list[Any] = [kernel, self.bias, self._pixels, list(self.stride), [1, 1], self.groups]
        read: Tensor
        if onto is not None:
            add = torch.ops.mkldnn._convolution_pointwise_.binary
            read = add(onto, images, *applied, "add", 1.0, None, [], None)
        else:
            bend = ("hardtanh", [0.0, 6.0]) if self.relu6 else ("none", [])
            read = torch.ops.mkldnn._convolution_pointwise(images, *applied, *bend, "")
        return read

    @property
    def _pixels(self) -> list[int]:
        return [int(side) for side in self.padding]
