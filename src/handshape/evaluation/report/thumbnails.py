"""Images for people: thumbnails in reports, and sheets of samples."""

import base64
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps
from torch import Tensor

from handshape.data.checks.near_duplicates import Leaks
from handshape.data.images.index import ImageIndex
from handshape.data.images.prepared import read_batch

_CELL, _GAP, _MARGIN = 96, 4, 110
# Labels on a sheet of views.
_SHOWN = 6
ViewMaker = Callable[[Tensor, Sequence[str], int], Tensor]
"""From (B, H, W, 3) uint8 photos, their digests and a number to one view of each, float32 in [0, 255]."""
_BESIDE = (128, 128, 128)
_PAPER, _INK = (255, 255, 255), (30, 30, 30)


def thumbnail(pixels: NDArray[np.uint8], side: int = 160) -> str:
    """Return (H, W, 3) uint8 pixels, fitted into a grey square, as a data URL for a page."""
    buffer = io.BytesIO()
    image = Image.fromarray(pixels)
    ImageOps.pad(image, (side, side), Image.Resampling.LANCZOS, color=_BESIDE).save(
        buffer, "JPEG", quality=80
    )
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def data_address(pixels: NDArray[np.uint8]) -> str:
    """Return (H, W, 3) uint8 pixels as a data URL for a page."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def highlight(pixels: NDArray[np.uint8], light: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return a photo, (H, W, 3) uint8, that is bright where ``light``, (H, W) in [0, 1], is large."""
    grey = pixels.mean(axis=2, keepdims=True)
    # The root makes small values visible.
    shine = np.sqrt(light)[..., None]
    # Other parts lose their colour too, so that the difference is visible in dark photos.
    shown: NDArray[np.uint8] = (shine * pixels + (1 - shine) * 0.4 * grey).round().astype(np.uint8)
    return shown


def sample_sheet(indexed: ImageIndex, path: Path, *, columns: int = 8) -> None:
    """Write a PNG with one row per label and one column per signer, or ``columns`` photos if unknown."""
    dataset = indexed.dataset
    heads: Sequence[str] = dataset.signers[:16]
    rows = []
    for label in dataset.labels:
        own = [i for i, sample in enumerate(dataset.samples) if sample.label == label]
        if heads:
            rows.append([next((i for i in own if dataset.samples[i].signer == name), None) for name in heads])
        else:
            spread = np.linspace(0, len(own) - 1, min(columns, len(own))).round().astype(int)
            rows.append([own[i] for i in spread])
    _draw_sheet(indexed, rows, dataset.labels, heads or [""] * columns).save(path)


def pair_sheet(indexed: ImageIndex, leaks: Leaks, path: Path, *, most: int = 12) -> None:
    """Write a PNG with test photos beside their near-copies in training, the closest first."""
    pairs = [(tested, trained) for tested, trained, _ in leaks.worst[:most]]
    labels = [indexed.dataset.samples[tested].label for tested, _ in pairs]
    _draw_sheet(indexed, pairs, labels, ("test", "train")).save(path)


def view_sheet(
    indexed: ImageIndex, train: NDArray[np.int64], views: ViewMaker, *, columns: int = 5
) -> NDArray[np.uint8]:
    """Return an image of training photos, one of each of a few labels, beside augmented views of them."""
    classes = indexed.dataset.classes[train]
    firsts = [train[np.flatnonzero(classes == label)[0]] for label in np.unique(classes)][:_SHOWN]
    batch = torch.from_numpy(read_batch(indexed.images, firsts))
    digests = [indexed.digests[i] for i in firsts]
    seen = [views(batch, digests, 1 + view) for view in range(columns)]
    rows = np.stack([batch.numpy(), *(view.round().to(torch.uint8).numpy() for view in seen)], axis=1)
    labels = [indexed.dataset.samples[i].label for i in firsts]
    return np.array(_paste(list(rows), labels, ["photo", *(f"view {1 + view}" for view in range(columns))]))


def _draw_sheet(
    indexed: ImageIndex, rows: Sequence[Sequence[int | None]], labels: Sequence[str], heads: Sequence[str]
) -> Image.Image:
    cells = [[None if index is None else indexed.images[index] for index in row] for row in rows]
    return _paste(cells, labels, heads)


def _paste(
    rows: Sequence[Sequence[NDArray[np.uint8] | None]], labels: Sequence[str], heads: Sequence[str]
) -> Image.Image:
    step = _CELL + _GAP
    top = 28 if any(heads) else _GAP
    sheet = Image.new("RGB", (_MARGIN + step * len(heads), top + step * len(rows)), _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(16)
    for column, head in enumerate(heads):
        draw.text((_MARGIN + step * column + _CELL / 2, top / 2), head[:12], _INK, font, anchor="mm")
    for row, (label, cells) in enumerate(zip(labels, rows, strict=True)):
        draw.text((_MARGIN - 10, top + step * row + _CELL / 2), label[:12], _INK, font, anchor="rm")
        for column, pixels in enumerate(cells):
            if pixels is not None:
                photo = Image.fromarray(pixels).resize((_CELL, _CELL), Image.Resampling.LANCZOS)
                sheet.paste(photo, (_MARGIN + step * column, top + step * row))
    return sheet
