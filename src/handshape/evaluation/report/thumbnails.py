"""Images for people: thumbnails in reports, and sheets of samples."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image, ImageOps

from handshape.data.checks.near_duplicates import Leaks
from handshape.data.images.index import ImageIndex
from handshape.data.images.photo_grid import photo_grid

_BESIDE = (128, 128, 128)
_MOST_COLOUR = 0.75


def thumbnail(pixels: NDArray[np.uint8], side: int = 160) -> str:
    """Return (H, W, 3) uint8 pixels, fitted into a grey square, as a data URL for a page."""
    image = Image.fromarray(pixels)
    fitted = ImageOps.pad(image, (side, side), Image.Resampling.LANCZOS, color=_BESIDE)
    return data_address(np.asarray(fitted), quality=80)


def data_address(pixels: NDArray[np.uint8], quality: int = 88) -> str:
    """Return (H, W, 3) uint8 pixels as a data URL for a page."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def highlight(pixels: NDArray[np.uint8], heat: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return a photo, (H, W, 3) uint8, in grey with ``heat``, (H, W) in [0, 1], over it in colour."""
    # Dark photos become lighter, so that the hand is seen below the colour.
    grey = np.asarray(ImageOps.autocontrast(Image.fromarray(pixels).convert("L"), cutoff=1), dtype=np.float32)
    colour = 255 * colormaps["plasma"](heat)[..., :3]
    # The root makes small values visible.
    share = _MOST_COLOUR * np.sqrt(heat)[..., None]
    shown: NDArray[np.uint8] = (share * colour + (1 - share) * grey[..., None]).round().astype(np.uint8)
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
    _write_sheet(indexed, path, rows, dataset.labels, heads or [""] * columns)


def pair_sheet(indexed: ImageIndex, leaks: Leaks, path: Path, *, most: int = 12) -> None:
    """Write a PNG with test photos beside their near-copies in training, the closest first."""
    pairs = [(tested, trained) for tested, trained, _ in leaks.worst[:most]]
    labels = [indexed.dataset.samples[tested].label for tested, _ in pairs]
    _write_sheet(indexed, path, pairs, labels, ("test", "train"))


def _write_sheet(
    indexed: ImageIndex,
    path: Path,
    rows: Sequence[Sequence[int | None]],
    labels: Sequence[str],
    heads: Sequence[str],
) -> None:
    cells = [[None if index is None else indexed.images[index] for index in row] for row in rows]
    Image.fromarray(photo_grid(cells, [label[:12] for label in labels], heads)).save(path)
