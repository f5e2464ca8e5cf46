"""Hands cut out of photos before plain backgrounds, set anywhere in rooms that do not exist."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from handshape.data.augment.background import cut_out
from handshape.data.augment.camera import photograph
from handshape.data.augment.mask import find_hand
from handshape.data.drawn.scene import make_background

# Half the hand's longer side as a share of half the frame's: from across the room to filling the frame.
_SMALLEST, _LARGEST = 0.22, 0.9
_TURN = 0.5  # radians to either side
_ASPECT = 0.125
# So many hands get an arm, which leans to either side by up to so many pixels across for each one down.
_ARMS, _LEAN = 0.75, 0.4
# Share of hands that stand dark before a window or a lamp.
_SILHOUETTES = 0.3
# Generated rooms that backgrounds are taken from, and the share of backgrounds that are planes instead.
_ROOMS, _PLANES = 384, 0.5
_MOST_PLANES = 4
# Rows of a hand from whose lower end the arm takes its colour.
_WRIST = 12


@dataclass(frozen=True)
class CutOut:
    """Hands with their outlines, and where an arm would begin.

    Args:
        pixels: (M, 4, H, W) uint8: red, green and blue, and how much of a pixel is hand.
        boxes: (M, 4) float32, left, top, right and bottom of the hands, pixels.
        wrists: (M, 3) float32, middle and width of the lowest part, and its row, pixels.
        colours: (M, 3) float32 in [0, 1], of the lowest part.
        rows: (N,) int64, which of them these are.
    """

    pixels: Tensor
    boxes: Tensor
    wrists: Tensor
    colours: Tensor
    rows: Tensor

    def __len__(self) -> int:
        return len(self.rows)


def cut_hands(images: NDArray[np.uint8]) -> tuple[CutOut, NDArray[np.bool_]]:
    """Cut hands out where their outline can be trusted.

    Args:
        images: (N, H, W, 3) uint8, RGB.

    Returns:
        The hands that were cut out, and (N,) bool, which those are.
    """
    found = [_one(image) if find_hand(image).trusted else None for image in images]
    kept = np.array([one is not None for one in found], dtype=np.bool_)
    size = images.shape[1:3]
    whole = [one for one in found if one is not None]
    if not whole:
        none = torch.zeros(0, 4, *size, dtype=torch.uint8)
        empty = torch.zeros(0, 3)
        return CutOut(none, torch.zeros(0, 4), empty, empty, torch.arange(0)), kept
    stacked = [torch.from_numpy(np.stack(part)) for part in zip(*whole, strict=True)]
    pixels, boxes, wrists, colours = stacked[0].permute(0, 3, 1, 2), *(part.float() for part in stacked[1:])
    return CutOut(pixels, boxes, wrists, colours, torch.arange(len(whole))), kept


def join_hands(parts: Sequence[CutOut]) -> CutOut:
    """Put hands that were cut out of several batches together."""
    pixels, boxes, wrists, colours = (
        torch.cat([getattr(part, name) for part in parts])
        for name in ("pixels", "boxes", "wrists", "colours")
    )
    return CutOut(pixels, boxes, wrists, colours, torch.arange(len(pixels)))


def _one(image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], list[float], list[float], list[float]]:
    alpha = cut_out(image)
    rows, columns = np.nonzero(alpha > 0.5)
    low = int(rows.max())
    wrist = rows > low - _WRIST
    across = columns[wrist]
    colour = image[rows[wrist], across].mean(axis=0) / 255
    pixels = np.dstack([image, np.rint(alpha * 255).astype(np.uint8)])
    box = [float(columns.min()), float(rows.min()), float(columns.max() + 1), float(low + 1)]
    width = float(across.max() - across.min() + 1)
    return pixels, box, [float(across.mean()), width, float(low)], colour.tolist()


def place_hands(hands: CutOut, chosen: Sequence[int], size: int, chance: torch.Generator) -> Tensor:
    """Set hands at any place, size and turn into rooms, with or without an arm, in any light.

    Args:
        hands: Cut out of photos.
        chosen: B of them.
        size: Height and width of the frame, pixels.
        chance: Source of chance.

    Returns:
        (B, 3, size, size) float32 in [0, 1].
    """
    rows = hands.rows[torch.as_tensor(chosen)]
    x, y = _look(hands, rows, size, chance)
    source, height, width = hands.pixels[rows].float() / 255, *hands.pixels.shape[2:]
    source = torch.cat([source[:, :3] * source[:, 3:], source[:, 3:]], dim=1)
    grid = torch.stack([(x + 0.5) / width * 2 - 1, (y + 0.5) / height * 2 - 1], dim=3)
    seen = F.grid_sample(source, grid, align_corners=False)
    colour, alpha = seen[:, :3], seen[:, 3:]
    arm, covered = _arms(hands, rows, x, y, chance)
    colour, alpha = colour + arm * covered * (1 - alpha), alpha + covered * (1 - alpha)
    return _lit(colour, chance) + make_rooms(len(rows), size, chance) * (1 - alpha)


def in_scenes(batch: Tensor, digests: Sequence[str], view: int) -> Tensor:
    """Show hands in other scenes; takes and gives what `handshape.data.augment.Views.apply` does.

    Args:
        batch: (B, H, W, 3) uint8, RGB.
        digests: B content digests, from which the random numbers come.
        view: View number, 1 and up.

    Returns:
        (B, H, W, 3) float32 in [0, 255]; photos whose hand cannot be cut out keep their scene.
    """
    chance = torch.Generator().manual_seed(int(digests[0], 16) % 2**60 + view)
    hands, cut = cut_hands(batch.numpy())
    seen = batch.permute(0, 3, 1, 2).float() / 255
    if len(hands):
        seen[torch.from_numpy(cut)] = place_hands(hands, range(len(hands)), batch.shape[1], chance)
    return photograph(seen, chance).permute(0, 2, 3, 1) * 255


def _look(hands: CutOut, rows: Tensor, size: int, chance: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return which place of a photo, (B, size, size) pixels across and down, is seen at each of a frame."""
    count, (left, top, right, bottom) = len(rows), hands.boxes[rows].unbind(dim=1)
    half = torch.maximum(right - left, bottom - top) / 2
    share = _SMALLEST + (_LARGEST - _SMALLEST) * _uniform(count, chance) ** 1.2
    spare = (1 - 0.75 * share).clamp(min=0.1)
    across, along = ((2 * _uniform(count, chance) - 1) * spare for _ in range(2))
    angle = (2 * _uniform(count, chance) - 1) * _TURN
    scale, aspect = half / share, 1 + _ASPECT * (2 * _uniform(count, chance) - 1)
    at = (torch.arange(size) + 0.5) / size * 2 - 1
    u, v = at[None, None, :] - _wide(across), at[None, :, None] - _wide(along)
    cosine, sine = _wide(torch.cos(angle)), _wide(torch.sin(angle))
    x = (cosine * u + sine * v) * _wide(scale * aspect) + _wide((left + right) / 2)
    y = (cosine * v - sine * u) * _wide(scale) + _wide((top + bottom) / 2)
    return x, y


def _arms(
    hands: CutOut, rows: Tensor, x: Tensor, y: Tensor, chance: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Draw arms on from where photos end: (B, 3, h, w) colours, and (B, 1, h, w) how much is arm."""
    count, (middle, width, low) = len(rows), hands.wrists[rows].unbind(dim=1)
    lean = (2 * _uniform(count, chance) - 1) * _LEAN
    width = torch.minimum(width, torch.tensor(0.5 * hands.pixels.shape[3]))
    half = width * (0.8 + 0.3 * _uniform(count, chance)) / 2
    down = y - _wide(low)
    aside = (x - _wide(middle) - down * _wide(lean)) / (_wide(half) * (1 + 0.001 * down.clamp(min=0)))
    edge = ((1 - aside.abs()) * _wide(half) / 2).clamp(0, 1)  # soft over two pixels of the photo
    there = (_uniform(count, chance) < _ARMS).float()
    covered = edge * (down > -3) * _wide(there)
    shade = (1 - 0.35 * aside.square()).clamp(0, 1)
    return hands.colours[rows][:, :, None, None] * shade[:, None], covered[:, None]


def _lit(colour: Tensor, chance: torch.Generator) -> Tensor:
    """Light hands: bright, dim, coloured, from a side, or not at all."""
    count, size = len(colour), colour.shape[2]
    gain = torch.exp(0.45 * torch.randn(count, generator=chance))
    dark = 0.12 + 0.4 * _uniform(count, chance)
    gain = torch.where(_uniform(count, chance) < _SILHOUETTES, dark, gain)
    cast = 1 + 0.12 * torch.randn(count, 3, 1, 1, generator=chance)
    grey = colour.mean(dim=1, keepdim=True)
    paler = grey + (colour - grey) * _tall(0.2 + 0.9 * _uniform(count, chance))
    return (paler * _tall(gain) * cast * _slope(count, size, 0.5, chance)).clamp(0, 1)


def make_rooms(count: int, size: int, chance: torch.Generator) -> Tensor:
    """Make backgrounds: generated rooms, or planes of any colours.

    Args:
        count: B.
        size: Height and width, pixels.
        chance: Source of chance.

    Returns:
        (B, 3, size, size) float32 in [0, 1].
    """
    rooms = _rooms(size)[torch.randint(_ROOMS, (count,), generator=chance)].permute(0, 3, 1, 2) / 255
    flipped = torch.where(_tall(_uniform(count, chance)) < 0.5, rooms, rooms.flip(3))
    plain = _tall(_uniform(count, chance)) < _PLANES
    return torch.where(plain, _planes(count, size, chance), flipped)


def _planes(count: int, size: int, chance: torch.Generator) -> Tensor:
    """Walls, doors and windows at their simplest: half planes, one behind another."""
    seen = _colours(count, chance).expand(count, 3, size, size)
    at = torch.linspace(-1, 1, size)
    for number in range(_MOST_PLANES):
        angle, place = 2 * np.pi * _uniform(count, chance), 0.6 * torch.randn(count, generator=chance)
        along = at[None, None, :] * _wide(torch.cos(angle)) + at[None, :, None] * _wide(torch.sin(angle))
        inside = torch.sigmoid((along - _wide(place)) * _wide(5 + 60 * _uniform(count, chance)))[:, None]
        there = _tall(_uniform(count, chance)) < 1 - number / _MOST_PLANES
        bright = _tall(_uniform(count, chance)) < 0.3
        colour = torch.where(bright, torch.ones(()), _colours(count, chance))
        seen = torch.where(there, seen + (colour - seen) * inside, seen)
    return (seen * _slope(count, size, 0.4, chance)).clamp(0, 1)


def _colours(count: int, chance: torch.Generator) -> Tensor:
    return _tall(_uniform(count, chance)) + 0.12 * torch.randn(count, 3, 1, 1, generator=chance)


def _slope(count: int, size: int, most: float, chance: torch.Generator) -> Tensor:
    """Return (B, 1, size, size) factors about 1 that rise towards one side."""
    angle, steep = 2 * np.pi * _uniform(count, chance), most * _uniform(count, chance)
    at = torch.linspace(-1, 1, size)
    rise = at[None, None, :] * _wide(torch.cos(angle)) + at[None, :, None] * _wide(torch.sin(angle))
    return (1 + _wide(steep) * rise)[:, None]


@lru_cache(maxsize=1)
def _rooms(size: int) -> Tensor:
    rng = np.random.default_rng(5)
    styles = ("outdoor", "room", "room")
    return torch.from_numpy(np.stack([make_background(styles[i % 3], size, rng) for i in range(_ROOMS)]))  # type: ignore[arg-type]


def _uniform(count: int, chance: torch.Generator) -> Tensor:
    return torch.rand(count, generator=chance)


def _wide(values: Tensor) -> Tensor:
    return values[:, None, None]


def _tall(values: Tensor) -> Tensor:
    return values[:, None, None, None]
