"""Tables of labels and grey levels, such as Sign Language MNIST, as images in the cache."""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image

from handshape.data.dataset import Sample, SplitName, Unused
from handshape.data.io.table import Table
from handshape.data.io.unpack import unpacked, write_tar


def read_pixels(table: Table, cache: Path | None, split: SplitName | None) -> Iterator[Sample | Unused]:
    """Yield each row of a table of pixels as a sample, or as unused with the reason.

    Args:
        table: A label and the grey levels of a square image in each row, row by row from the top left.
        cache: The cache folder; None for the user's.
        split: The split of all rows, if it is given.

    Raises:
        OutputError: The cache cannot be written.
    """
    label, width = table.columns["label"], len(table.headings)
    images, labels = dict[str, bytes](), dict[str, str]()
    for number, row in table.lines:
        name = f"{number:06}.png"
        reason = None
        if len(row) != width:
            reason = f"it has {len(row)} columns instead of {width}"
        elif not row[label].strip():
            reason = "it has no label"
        else:
            image = _image([cell for place, cell in enumerate(row) if place != label])
            if image is None:
                reason = "a pixel is not a whole number from 0 to 255"
            else:
                images[name], labels[name] = image, row[label].strip()
        if reason:
            yield Unused(f"{table.name} line {number}", "table row", reason)
    content = hashlib.blake2b(digest_size=16)
    for name, image in images.items():
        content.update(name.encode() + image)

    def write(out: IO[bytes]) -> None:
        write_tar(out, ((name, _png(image)) for name, image in images.items()))

    for file in unpacked(f"pixels {content.hexdigest()}", cache, write).top.files:
        yield Sample(file.path, f"{table.name}/{file.name}", labels[file.name], None, split)


def _image(cells: list[str]) -> bytes | None:
    try:
        return bytes(map(int, cells))
    except ValueError:  # not a number, or not a byte
        return None


def _png(levels: bytes) -> bytes:
    side, out = int(np.sqrt(len(levels))), io.BytesIO()
    Image.frombytes("L", (side, side), levels).save(out, "PNG", compress_level=1)
    return out.getvalue()
