"""Draw the page's hints: each letter once, cut out, by ten drawn signers in turn.

Run it again after a change to the drawn hands: ``python tools/draw_hints.py``.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

import handshape
from handshape.synthetic import ALPHABET, draw_image, make_signer

FOLDER = Path(handshape.__file__).parent / "serve" / "page" / "hints"
SIZE = 240
_FINER = 2  # drawn this many times larger, so that edges come out smooth
_SEED = 0


def draw_hint(number: int, letter: str) -> Image.Image:
    """Draw one letter of a right hand before nothing.

    Args:
        number: Position of the letter, which says which signer signs it.
        letter: The letter.

    Returns:
        An RGBA picture of ``SIZE`` by ``SIZE`` pixels.
    """
    signer = make_signer(number % 10 + 1, _SEED, "right")
    drawn = draw_image(letter, signer, seed=_SEED, size=SIZE * _FINER, variation=0.0)
    # One pixel narrower: the outermost ones have the background's colour in them.
    mask = Image.fromarray(np.where(drawn.mask, 255, 0).astype(np.uint8)).filter(ImageFilter.MinFilter(3))
    picture = Image.fromarray(drawn.pixels)
    picture.putalpha(mask)
    return picture.resize((SIZE, SIZE), Image.Resampling.LANCZOS)


def main() -> None:
    """Draw all of them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for number, letter in enumerate(ALPHABET):
        draw_hint(number, letter).save(FOLDER / f"{letter}.webp", quality=82, method=6)


if __name__ == "__main__":
    main()
