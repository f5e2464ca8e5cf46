"""A picture of many photos in rows, with a name beside each row."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

_CELL, _GAP, _MARGIN = 96, 4, 110
_PAPER, _INK = (255, 255, 255), (30, 30, 30)


def photo_grid(
    rows: Sequence[Sequence[NDArray[np.uint8] | None] | NDArray[np.uint8]],
    names: Sequence[str],
    heads: Sequence[str] = (),
) -> NDArray[np.uint8]:
    """Draw rows of photos.

    Args:
        rows: (H, W, 3) uint8 photos of each row, RGB; None for a gap.
        names: Words beside each row, short.
        heads: Words above each column, short; none when left out.

    Returns:
        (H, W, 3) uint8, RGB.
    """
    step = _CELL + _GAP
    top = 28 if any(heads) else _GAP
    columns = max(len(heads), *map(len, rows))
    sheet = Image.new("RGB", (_MARGIN + step * columns, top + step * len(rows)), _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(16)
    for column, head in enumerate(heads):
        draw.text((_MARGIN + step * column + _CELL / 2, top / 2), head[:12], _INK, font, anchor="mm")
    for row, (name, cells) in enumerate(zip(names, rows, strict=True)):
        draw.text((_MARGIN - 10, top + step * row + _CELL / 2), name, _INK, font, anchor="rm", align="right")
        for column, pixels in enumerate(cells):
            if pixels is not None:
                photo = Image.fromarray(pixels).resize((_CELL, _CELL), Image.Resampling.LANCZOS)
                sheet.paste(photo, (_MARGIN + step * column, top + step * row))
    return np.asarray(sheet)
