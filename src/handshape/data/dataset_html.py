"""A data set in pictures: a sheet of photos, and what a notebook shows."""

import base64
import io
from collections.abc import Sequence
from html import escape

import numpy as np
from PIL import Image

from handshape.data.images.decode import Preprocessing, read_image
from handshape.data.images.photo_grid import photo_grid
from handshape.data.images.workers import workers
from handshape.data.sample import Sample
from handshape.errors import ImageError

# Pixels of a photo on a sheet.
_SIDE = 96
# What a notebook shows of a data set.
_ROWS, _COLUMNS = 6, 6


def sheet(samples: Sequence[Sample], labels: Sequence[str], columns: int) -> Image.Image:
    """Draw a row of photos for each label, of each signer one where signers are known.

    Raises:
        ImageError: A photo cannot be read.
    """
    signers = sorted({sample.signer for sample in samples if sample.signer is not None})[:columns]
    rows: list[list[Sample | None]] = []
    for label in labels:
        own = [sample for sample in samples if sample.label == label]
        if signers:
            rows.append([next((one for one in own if one.signer == name), None) for name in signers])
        else:
            spread = np.linspace(0, len(own) - 1, min(columns, len(own))).round().astype(int)
            rows.append([own[i] for i in spread])
    prepare = Preprocessing(_SIDE).prepare
    with workers() as pool:
        cells = [
            list(pool.map(lambda one: None if one is None else prepare(read_image(one.path)), row))
            for row in rows
        ]
    names = [label[:12] for label in labels]
    return Image.fromarray(photo_grid(cells, names, signers or [""] * columns))


def dataset_html(words: str, samples: Sequence[Sample], labels: Sequence[str]) -> str:
    """Return what a notebook shows of a data set: a sentence and some of its photos."""
    shown = labels[:_ROWS]
    rest = f", and {len(labels) - _ROWS} labels more" if len(labels) > _ROWS else ""
    try:
        picture = sheet(samples, shown, _COLUMNS) if samples else None
    except ImageError as error:
        return f"<p>{escape(words)}</p><p>No pictures: {escape(error.wrong)}</p>"
    if picture is None:
        return f"<p>{escape(words)}</p>"
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    encoded = base64.b64encode(buffer.getvalue()).decode("ascii")
    alt = escape(f"Photos of {', '.join(shown)}")
    return (
        f"<p>{escape(words)}</p>"
        f'<img alt="{alt}" src="data:image/png;base64,{encoded}"/><p>Photos of {escape(", ".join(shown))}'
        f"{rest}</p>"
    )
