"""Convolutions that read with half of the multiplications: Winograd's algorithm along the height of a map."""

from fractions import Fraction
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from handshape.models.cook_toom import transforms
from handshape.models.reading import ReadConv2d, can_read, laid_out

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

Network = TypeVar("Network", bound=nn.Module)


class WinogradConv2d(ReadConv2d):
    """A convolution that reads by Winograd's algorithm.

    A tile of output rows is a product of polynomials, evaluated at some points and interpolated from there.
    At each point it is a convolution of single rows. An image's features do not depend on its batch.

    Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016, here in one
    dimension.
    """

    def prepare(self, height: int, width: int) -> "_Rows | None":
        """Return the weights as they are applied to tiles of rows, or ``None`` where it does not pay."""
        return _Rows(self, height, width) if _is_worth(self, _rows_of(self, height)) else None

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, O, h, w) of (N, C, H, W)."""
        rows = self.prepared(images)
        return super().forward(images) if rows is None else rows(images)


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
        self._kernels = [
            laid_out(kernel[:, :, None], convolution, [0, self._beside], self._tiles, [1, width])
            for kernel in kernels
        ]

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


def _each(matrix: Tensor, rows: Tensor) -> Tensor:
    return torch.bmm(matrix.expand(len(rows), -1, -1), rows)


def for_reading(network: Network) -> Network:
    """Let a network's wide convolutions read by Winograd's algorithm.

    Args:
        network: Names and numbers of its tensors stay as they are.

    Returns:
        The same network.
    """
    if can_read():
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
