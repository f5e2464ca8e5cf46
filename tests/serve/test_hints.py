import numpy as np
import pytest
from PIL import Image
from tools.draw_hints import SIZE, draw_hint

from handshape.serve.app import PAGE
from handshape.synthetic import ALPHABET


@pytest.mark.parametrize("letter", ALPHABET)
def test_hints__there_is_one_for_every_letter(letter: str) -> None:
    with Image.open(PAGE / "hints" / f"{letter}.webp") as hint:
        assert (hint.size, hint.mode) == ((SIZE, SIZE), "RGBA")


def test_hints__are_what_the_tool_draws() -> None:
    number = ALPHABET.index("L")
    with Image.open(PAGE / "hints" / "L.webp") as kept:
        found = np.asarray(kept, dtype=np.int16)
    drawn = np.asarray(draw_hint(number, "L"), dtype=np.int16)
    assert np.abs(found[..., 3] - drawn[..., 3]).mean() < 1
    solid = drawn[..., 3] == 255
    assert np.abs(found[solid][:, :3] - drawn[solid][:, :3]).mean() < 6  # WebP is lossy
