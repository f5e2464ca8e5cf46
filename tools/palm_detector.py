"""Where a hand is: a network that finds the palm, with the direction in which the fingers lie."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PALM_SIZE = 192
"""Height and width of its images, pixels."""

# Channels of each halving, and how many blocks follow each.
_WIDTHS, _BLOCKS = (32, 64, 128, 256, 256), 4
# Places along a side and candidates at each of them, from fine to coarse.
_GRIDS = ((24, 2), (12, 6))
# Four numbers of a box and seven points of two each.
_NUMBERS = 18
_WRIST, _KNUCKLE = 0, 2
# Candidates that share this much of the best one's area and their own are of the same palm.
_OVERLAP = 0.3


class PalmNet(nn.Module):
    """Finds the palm in a photo of a hand.

    Source: BlazePalm of MediaPipe Hands (F. Zhang and others, arXiv 2006.10214), whose weights it takes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.bend = nn.Conv2d(3, _WIDTHS[0], 5, 2, padding=2), Bend(_WIDTHS[0])
        stages, before = [], _WIDTHS[0]
        for number, width in enumerate(_WIDTHS):
            first = [] if number == 0 else [PalmBlock(before, width, 2)]
            stages.append(nn.Sequential(*first, *(PalmBlock(width, width, 1) for _ in range(_BLOCKS))))
            before = width
        self.stages = nn.ModuleList(stages)
        self.coarse, self.fine = Up(256, 256), Up(256, 128)
        widths = (128, 256)
        heads = [nn.Conv2d(c, n * (1 + _NUMBERS), 1) for c, (_, n) in zip(widths, _GRIDS, strict=True)]
        self.heads = nn.ModuleList(heads)

    def forward(self, images: Tensor) -> Tensor:
        """Find the palm that shows most clearly.

        Args:
            images: (N, 3, 192, 192) float32, RGB in [0, 1].

        Returns:
            (N, 4) float32: x and y of the middle of the palm's box and its longer side, in shares of the
            image, and the clockwise rotation of the hand from upright, radians. Where there is no palm, they
            mean nothing.
        """
        # So are its kernels, and torch's padding is that of the network's makers.
        upside_down = images.flip(2, 3).contiguous(memory_format=torch.channels_last)
        maps, now = [], self.bend(self.stem(upside_down))
        for stage in self.stages:
            now = stage(now)
            maps.append(now)
        coarse = self.coarse(now, maps[3])
        fine = self.fine(coarse, maps[2])
        seen = zip(self.heads, (fine, coarse), _GRIDS, strict=True)
        rows = torch.cat(
            [_candidates(head(some).flip(2, 3), count) for head, some, (_, count) in seen], dim=1
        )
        return self._best(rows[:, :, 0].clamp(-100, 100).sigmoid(), rows[:, :, 1:] / PALM_SIZE)

    def _best(self, likely: Tensor, numbers: Tensor) -> Tensor:
        """Average what overlaps with the likeliest candidate, each by how likely it is."""
        places = _places(numbers.device)
        middles, sides = numbers[:, :, :2] + places, numbers[:, :, 2:4]
        points = numbers[:, :, 4:].reshape(numbers.shape[0], -1, 7, 2) + places[:, None]
        lows, highs = middles - sides / 2, middles + sides / 2
        best = likely.argmax(dim=1, keepdim=True)
        low, high = (edge.gather(1, best[:, :, None].expand(-1, -1, 2)) for edge in (lows, highs))
        shared = (torch.minimum(highs, high) - torch.maximum(lows, low)).clamp(min=0).prod(dim=2)
        areas = (highs - lows).prod(dim=2)
        overlap = shared / (areas + areas.gather(1, best) - shared).clamp(min=1e-9)
        # MediaPipe averages those above a threshold; here the best one counts however unlikely it is.
        sure = likely >= likely.amax(dim=1, keepdim=True) / 2
        counted = torch.where((overlap > _OVERLAP) & sure, likely, 0)
        weights = (counted / counted.sum(dim=1, keepdim=True).clamp(min=1e-9))[:, :, None]
        low, high = (lows * weights).sum(dim=1), (highs * weights).sum(dim=1)
        points = (points * weights[:, :, :, None]).sum(dim=1)
        up = points[:, _KNUCKLE] - points[:, _WRIST]
        turned = torch.atan2(up[:, 0], -up[:, 1])
        side = (high - low).amax(dim=1)
        return torch.cat([(low + high) / 2, side[:, None], turned[:, None]], dim=1)


class PalmBlock(nn.Module):
    """A convolution of 5 x 5 in each channel and one of 1 x 1 across them, beside which the input goes on.

    Args:
        before: Channels of the input.
        width: Channels of the output.
        stride: 2 halves the map.
    """

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.stride, self.more = stride, width - before
        self.depth = nn.Conv2d(before, before, 5, stride, padding=2, groups=before)
        self.point, self.bend = nn.Conv2d(before, width, 1), Bend(width)

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, width, h / stride, w / stride) float32."""
        beside = images
        if self.stride == 2:
            beside = F.pad(F.max_pool2d(images, 2), (0, 0, 0, 0, 0, self.more))
        bent: Tensor = self.bend(self.point(self.depth(images)) + beside)
        return bent


class Bend(nn.PReLU):
    """PReLU as two depthwise convolutions, which ONNX Runtime computes in a quarter of its own's time."""

    def forward(self, maps: Tensor) -> Tensor:
        """Return (N, C, h, w) float32."""
        weight = self.weight[:, None, None, None]
        count = len(weight)
        return F.conv2d(maps, weight, groups=count) + F.conv2d(maps.relu(), 1 - weight, groups=count)


class Up(nn.Module):
    """Puts a coarse map onto a finer one.

    Args:
        before: Channels of the coarse map.
        width: Channels of the finer one.
    """

    def __init__(self, before: int, width: int) -> None:
        super().__init__()
        self.point, self.bend = nn.Conv2d(before, width, 1), Bend(width)
        self.blocks = nn.Sequential(PalmBlock(width, width, 1), PalmBlock(width, width, 1))

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """Return (N, width, h, w) float32 as large as the finer map."""
        larger = F.interpolate(coarse, scale_factor=2.0, mode="bilinear", align_corners=False)
        joined: Tensor = self.blocks(fine + self.bend(self.point(larger)))
        return joined


def _candidates(maps: Tensor, count: int) -> Tensor:
    """Return (N, h w count, 19) float32 of (N, 19 count, h, w): a score and the numbers of each candidate."""
    rows = maps.permute(0, 2, 3, 1)
    scores, numbers = rows[:, :, :, :count], rows[:, :, :, count:]
    each = numbers.reshape(*numbers.shape[:3], count, _NUMBERS)
    return torch.cat([scores[:, :, :, :, None], each], dim=4).flatten(1, 3)


def _places(device: torch.device) -> Tensor:
    """Return (2016, 2) float32, x and y of the middle of every candidate's cell, in shares of the image."""
    found = []
    for side, count in _GRIDS:
        along = (torch.arange(side, device=device) + 0.5) / side
        y, x = torch.meshgrid(along, along, indexing="ij")
        found.append(torch.stack([x, y], dim=2).reshape(-1, 2).repeat_interleave(count, dim=0))
    return torch.cat(found)
