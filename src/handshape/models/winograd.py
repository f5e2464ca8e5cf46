"""Convolutions that read with half of the multiplications: Winograd's algorithm along the height of a map."""

from fractions import Fraction
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from handshape.models.cook_toom import transforms

# Rows of the output that are made together: maps of photos of 224 pixels have 7 of them or a multiple of 7,
# and AlexNet's (13, 27) one fewer.
TILE = 7
# Where rows are evaluated beside infinity, by the rows of a kernel: of the sets of small fractions that
# round least in float32, one each.
POINTS = {
    3: tuple(map(Fraction, ("0", "1", "-1", "3/4", "-3/4", "5/2", "-5/2", "1/4"))),
    5: tuple(map(Fraction, ("0", "1", "-1", "1/3", "-1/3", "3/4", "-3/4", "3/2", "-3/2", "4"))),
}
# Multiplications spared for each number that is transformed, from which on it pays; see docs/performance.md.
_WORTH = 400
# Images that weights are laid out for.
_IMAGES = 4

Network = TypeVar("Network", bound=nn.Module)


class WinogradConv2d(nn.Conv2d):
    """A convolution that reads by Winograd's algorithm, and in everything else is torch's own.

    Reading is what happens in inference mode, on a processor, with frozen weights in float32: extraction,
    recognisers, the judging of what was learned. What asks for gradients, is traced or exported, or runs
    elsewhere takes torch's convolution. So it is one network on every road, and none can be missed.

    A tile of output rows is a product of polynomials, evaluated at some points and interpolated from there.
    At each point it is a convolution of single rows. An image's features do not depend on its batch.

    Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016, here in one
    dimension.
    """

    _kept: "tuple[object, _Rows | None] | None" = None

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, O, h, w) of (N, C, H, W)."""
        if self.training or self.weight.requires_grad:
            self._kept = None  # weights that are learned change, not always to the knowledge of their version
        elif _is_read(images, self.weight):
            rows = self._rows_for(int(images.shape[2]), int(images.shape[3]))
            if rows is not None:
                return rows(images)
        return super().forward(images)

    def _rows_for(self, height: int, width: int) -> "_Rows | None":
        mark, kept = (self.weight.data_ptr(), self.weight._version, height, width), self._kept
        if kept is None or kept[0] != mark:
            worth = _is_worth(self, _rows_of(self, height))
            kept = self._kept = mark, _Rows(self, height, width) if worth else None
        return kept[1]

    def __getstate__(self) -> dict[str, Any]:
        # What follows from the weights is made anew in copies, and is not sent to other processes.
        return {name: value for name, value in self.__dict__.items() if name != "_kept"}


class _Rows:
    """A convolution's weights as they are applied to tiles of rows.

    Args:
        convolution: Whose weights.
        height: H of the maps that come in.
        width: W of the maps that come in.
    """

    def __init__(self, convolution: nn.Conv2d, height: int, width: int) -> None:
        taps = convolution.kernel_size[0]
        into, at, out = transforms(TILE, POINTS[taps])
        self._into, self._out = into.float(), out.float()
        self._bias, self._one = convolution.bias, POINTS[taps].index(Fraction(1))
        self._above, self._beside = (int(side) for side in convolution.padding)
        self._rows = _rows_of(convolution, height)
        self._tiles = -(-self._rows // TILE)
        kernels = torch.einsum("pt,octw->pocw", at, convolution.weight.detach().double()).float()
        shape = [_IMAGES * self._tiles, convolution.in_channels, 1, width]
        self._kernels = [self._laid_out(kernel[:, :, None], shape) for kernel in kernels]

    def _laid_out(self, kernel: Tensor, shape: list[int]) -> Tensor:
        # Else each call would do it: as much work again as a third of the convolution.
        last, ones = kernel.contiguous(memory_format=torch.channels_last), [1, 1]
        laid: Tensor = torch.ops.mkldnn._reorder_convolution_weight(
            last, [0, self._beside], ones, ones, 1, shape
        )
        return laid

    def __call__(self, images: Tensor) -> Tensor:
        """Return (N, O, h, w) of (N, C, H, W), both in channels-last memory."""
        points, tiles = len(self._kernels), self._tiles
        count, _, height, width = images.shape
        if count * tiles == 1:
            # Of one matrix, and only of one, MKL makes other last bits on two cores than on one.
            return self(images.expand(2, -1, -1, -1))[:1]
        below = tiles * TILE + points - TILE - height - self._above
        padded = F.pad(images.permute(0, 2, 3, 1), (0, 0, 0, 0, self._above, below))
        windows = padded.flatten(2).unfold(1, points, TILE).transpose(2, 3).flatten(0, 1)
        evaluated = _each(self._into, windows)  # (N tiles, points, W C)
        maps = evaluated.transpose(0, 1).view(points, count * tiles, 1, width, -1).permute(0, 1, 4, 2, 3)
        products = torch.stack([self._product(one, place) for place, one in enumerate(maps)], dim=1)
        *_, width, channels = products.shape  # (N tiles, points, 1, w, O)
        whole = _each(self._out, products.flatten(2)).view(count, tiles * TILE, width, channels)
        return whole[:, : self._rows].permute(0, 3, 1, 2)

    def _product(self, maps: Tensor, place: int) -> Tensor:
        # A bias at the point 1 is a bias of every row, for 1 to any power is 1.
        bias, ones = self._bias if place == self._one else None, [1, 1]
        found: Tensor = torch.ops.mkldnn._convolution_pointwise(
            maps, self._kernels[place], bias, [0, self._beside], ones, ones, 1, "none", [], ""
        )
        return found.permute(0, 2, 3, 1)


def _is_read(images: Tensor, weight: Tensor) -> bool:
    if not torch.is_inference_mode_enabled():  # first: an export must not be asked how many images there are
        return False
    plain = (
        images.ndim == 4
        and len(images) > 0
        and images.dtype == weight.dtype == torch.float32
        and not weight.is_inference()
    )
    return plain and images.device.type == "cpu" and not torch.is_autocast_enabled("cpu")


def _each(matrix: Tensor, rows: Tensor) -> Tensor:
    return torch.bmm(matrix.expand(len(rows), -1, -1), rows)


def for_reading(network: Network) -> Network:
    """Let a network's wide convolutions read by Winograd's algorithm.

    Args:
        network: Names and numbers of its tensors stay as they are.

    Returns:
        The same network.
    """
    if _is_measured():
        for module in network.modules():
            if type(module) is nn.Conv2d and _is_fit(module) and _is_worth(module, TILE):
                module.__class__ = WinogradConv2d  # nobody who holds the module holds another one now
    return network


def arithmetic_of(network: nn.Module) -> str:
    """Return how a network reads, where not all of it is plain: features then differ in their last bits."""
    kinds = {module.kernel_size[0] for module in network.modules() if isinstance(module, WinogradConv2d)}
    return "; ".join(
        f"Winograd F({TILE}, {taps}) at {' '.join(map(str, POINTS[taps]))}" for taps in sorted(kinds)
    )


def _is_measured() -> bool:
    # On other processors torch's convolutions come from other libraries.
    known = torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512")
    return known and hasattr(torch.ops.mkldnn, "_convolution_pointwise")


def _is_fit(convolution: nn.Conv2d) -> bool:
    return (
        convolution.kernel_size[0] in POINTS
        and convolution.stride == convolution.dilation == (1, 1)
        and convolution.groups == 1
        and convolution.padding_mode == "zeros"
        and isinstance(convolution.padding, tuple)
    )


def _is_worth(convolution: nn.Conv2d, rows: int) -> bool:
    taps, across = convolution.kernel_size
    into, out = convolution.in_channels, convolution.out_channels
    evaluated = -(-rows // TILE) * (len(POINTS[taps]) + 1)
    spared = (rows * taps - evaluated) * across * into * out
    return spared >= _WORTH * evaluated * (into + out)


def _rows_of(convolution: nn.Conv2d, height: int) -> int:
    return height + 2 * int(convolution.padding[0]) - convolution.kernel_size[0] + 1
