"""Draw the whole alphabet in one image, for docs: `python tools/draw_sheet.py FILE [STYLE VARIATION]`."""

import sys
from typing import get_args

from PIL import Image, ImageDraw

from handshape.synthetic.picture import draw_image
from handshape.synthetic.poses import ALPHABET
from handshape.synthetic.scene import Style
from handshape.synthetic.signer import make_signer

_COLUMNS = 7


def draw_sheet(
    style: Style = "studio", *, size: int = 176, seed: int = 0, variation: float = 0.0
) -> Image.Image:
    """Draw every letter once, signed by ten signers in turn.

    Args:
        style: Kind of background.
        size: Height and width of one letter, pixels.
        seed: Seed of signers and pictures.
        variation: Amount of variation of joints, view and position; 0 for right hands without any.

    Returns:
        An RGB picture of four rows of seven letters, each with its name.
    """
    rows = -(-len(ALPHABET) // _COLUMNS)
    sheet = Image.new("RGB", (_COLUMNS * size, rows * size), "white")
    pen = ImageDraw.Draw(sheet)
    for i, letter in enumerate(ALPHABET):
        signer = make_signer(i % 10 + 1, seed, None if variation else "right")
        drawn = draw_image(letter, signer, seed=seed, size=size, style=style, variation=variation)
        x, y = i % _COLUMNS * size, i // _COLUMNS * size
        sheet.paste(Image.fromarray(drawn.pixels), (x, y))
        pen.text(
            (x + 6, y + 4), letter, fill="white", stroke_width=2, stroke_fill="black", font_size=size / 9
        )
    return sheet


if __name__ == "__main__":
    file, chosen, variation = (*sys.argv[1:], "studio", "0")[:3]
    draw_sheet(next(one for one in get_args(Style) if one == chosen), variation=float(variation)).save(file)
