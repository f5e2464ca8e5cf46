import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from handshape.models.hand.hand_finder import _cut

from .node import in_node, packed, unpacked

_REDUCE = """
import { reduce } from "./crop.js";
found = given.factors.map((factor) => text(reduce(image(given.image), factor).data));
"""
_CUT = """
import { cut } from "./crop.js";
found = given.boxes.map((box) => text(cut(image(given.image), box, given.size, given.lighter)));
"""


def noise(width: int, height: int) -> NDArray[np.uint8]:
    """Return pixels that show each fault: high contrast, and no two neighbours alike."""
    return np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)


def test_reduce__gives_pillows_bytes(tmp_path: Path) -> None:
    pixels, factors = noise(230, 131), list(range(2, 14))
    found = in_node(tmp_path, _REDUCE, {"image": packed(pixels), "factors": factors})
    for factor, text in zip(factors, found, strict=True):
        expected = np.asarray(Image.fromarray(pixels).reduce(factor))
        assert (unpacked(text, expected.shape) == expected).all(), factor


@pytest.mark.parametrize("lighter", [False, True])
def test_cut__gives_pillows_bytes(tmp_path: Path, lighter: bool) -> None:
    size = 48
    boxes = [
        (150.0, 100.0, 48.0, 0.0),  # pixel by pixel
        (150.0, 100.0, 300.0, 0.0),  # the whole, black above and below
        (150.5, 99.25, 210.7, 0.3),  # averaged before
        (150.0, 100.0, 30.0, -2.4),  # enlarged
        (2.0, 199.0, 90.0, math.pi),  # over a corner
        (150.0, 100.0, 960.0, 0.5),  # far beyond the edges
        (900.0, 900.0, 50.0, 1.0),  # nothing of it
        (150.0, 100.0, 0.0, 0.0),  # no size at all
    ]
    pixels = noise(300, 200)
    given = {"image": packed(pixels), "boxes": boxes, "size": size, "lighter": lighter}
    for box, text in zip(boxes, in_node(tmp_path, _CUT, given), strict=True):
        expected = _cut(Image.fromarray(pixels), box, size, lighter)[0]
        off = np.abs(unpacked(text, expected.shape).astype(int) - expected)
        # Sines of two languages differ in the last bit, which can move a value over a whole number.
        assert off.max() <= (8 if lighter else 1) and (off > 0).mean() < 1e-3, box
