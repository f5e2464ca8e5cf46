"""Photos in rows and columns, with words beside and above them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

_GAP, _MARGIN, _TOP = 4, 130, 26
_PAPER, _INK = (255, 255, 255), (30, 30, 30)


def photo_grid(
    rows: Sequence[NDArray[np.uint8]], names: Sequence[str], heads: Sequence[str] = (), *, cell: int = 104
) -> NDArray[np.uint8]:
    """Draw rows of photos.

    Args:
        rows: (n, H, W, 3) uint8, RGB, for each row.
        names: Words beside each row, short.
        heads: Words above each column, short; none when left out.
        cell: Height and width of a photo in the picture, pixels.

    Returns:
        (H, W, 3) uint8, RGB.
    """
    step, top = cell + _GAP, _TOP if heads else _GAP
    columns = max(len(row) for row in rows)
    sheet = Image.new("RGB", (_MARGIN + step * columns, top + step * len(rows)), _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for column, head in enumerate(heads):
        draw.text((_MARGIN + step * column + cell / 2, top / 2), head[:12], _INK, font, anchor="mm")
    for row, (name, photos) in enumerate(zip(names, rows, strict=True)):
        draw.text((_MARGIN - 10, top + step * row + cell / 2), name, _INK, font, anchor="rm", align="right")
        for column, pixels in enumerate(photos):
            photo = Image.fromarray(pixels).resize((cell, cell), Image.Resampling.LANCZOS)
            sheet.paste(photo, (_MARGIN + step * column, top + step * row))
    return np.asarray(sheet)


def as_pixels(photos: Tensor) -> NDArray[np.uint8]:
    """Return (n, 3, H, W) float photos as (n, H, W, 3) uint8, cut to [0, 1]."""
    pixels: NDArray[np.uint8] = (photos.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    return pixels
