"""Convolutions that are read on a processor otherwise than torch reads them: what they have in common."""

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

# Images that weights are laid out for.
_IMAGES = 4


class ReadConv2d(nn.Conv2d):
    """A convolution that reads in its own way, and in everything else is torch's own.

    Reading is what happens in inference mode, on a processor, with frozen weights in float32: extraction,
    recognisers, the judging of what was learned. What asks for gradients, is traced or exported, or runs
    elsewhere takes torch's convolution. So it is one network on every road, and none can be missed.
    """

    _kept: tuple[object, Any] | None = None

    def prepare(self, height: int, width: int) -> Any:
        """Return what reading maps of this size needs, or ``None`` where torch reads them as well."""
        raise NotImplementedError

    def prepared(self, images: Tensor) -> Any:
        """Return what `prepare` made for images of this size, or ``None`` where they are not only read.

        Args:
            images: (N, C, H, W).
        """
        if self.training or self.weight.requires_grad:
            self._kept = None  # weights that are learned change, not always to the knowledge of their version
            return None
        if not _is_read(images, self.weight):
            return None
        height, width = int(images.shape[2]), int(images.shape[3])
        mark = self.weight.data_ptr(), self.weight._version, height, width
        if self._kept is None or self._kept[0] != mark:
            self._kept = mark, self.prepare(height, width)
        return self._kept[1]

    def __getstate__(self) -> dict[str, Any]:
        # What follows from the weights is made anew in copies, and is not sent to other processes.
        return {name: value for name, value in self.__dict__.items() if name != "_kept"}


@cache
def can_read() -> bool:
    """Return whether this processor's convolutions are those that other ways were measured against."""
    # On other processors torch's come from other libraries.
    known = torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512")
    return known and hasattr(torch.ops.mkldnn, "_convolution_pointwise")


def laid_out(
    kernel: Tensor, convolution: nn.Conv2d, padding: list[int], maps: int, size: list[int]
) -> Tensor:
    """Lay out a kernel as convolutions take it: else each call would do it, a third as much work again.

    Args:
        kernel: (O, C / groups, h, w) float32.
        convolution: Says in how many groups, and with what stride.
        padding: Above and beside the maps, pixels.
        maps: Maps of each image that is read.
        size: Height and width of the maps, pixels.

    Returns:
        The same numbers in another order.
    """
    last = kernel.contiguous(memory_format=torch.channels_last)
    shape = [_IMAGES * maps, convolution.in_channels, *size]
    stride, groups = list(convolution.stride), convolution.groups
    laid: Tensor = torch.ops.mkldnn._reorder_convolution_weight(last, padding, stride, [1, 1], groups, shape)
    return laid


def _is_read(images: Tensor, weight: Tensor) -> bool:
    if not torch.is_inference_mode_enabled():  # first: an export must not be asked how many images there are
        return False
    plain = (
        images.ndim == 4
        and len(images) > 0
        and images.dtype == weight.dtype == torch.float32
        and not weight.is_inference()
    )
    return plain and images.device.type == "cpu" and not torch.is_autocast_enabled("cpu") and can_read()
