from pathlib import Path

import numpy as np
from PIL import Image

from .node import in_node, packed, unpacked
from .test_web_crop import noise

_RESIZE = """
import { resize } from "./resize.js";
found = given.map(([from, width, height]) => text(resize(image(from), width, height).data));
"""


def test_resize__gives_pillows_bytes(tmp_path: Path) -> None:
    sizes = [
        ((400, 300), (224, 224)),
        ((300, 400), (480, 640)),
        ((1601, 1203), (640, 481)),
        ((100, 100), (224, 224)),
        ((224, 150), (224, 224)),  # one pass only
        ((150, 224), (224, 224)),
        ((224, 224), (224, 224)),
        ((1, 1), (7, 5)),
        ((2000, 3), (3, 1)),
    ]
    images = [noise(*before) for before, _ in sizes]
    images[0][:] = 255  # nothing is more than white
    given = [[packed(pixels), *after] for pixels, (_, after) in zip(images, sizes, strict=True)]
    found = in_node(tmp_path, _RESIZE, given)
    for text, pixels, (before, after) in zip(found, images, sizes, strict=True):
        expected = np.asarray(Image.fromarray(pixels).resize(after, Image.Resampling.BILINEAR))
        assert (unpacked(text, expected.shape) == expected).all(), (before, after)
