"""The colour of each pixel of skin, nail and cloth before light falls on it."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handshape.data.drawn.render import Floats, Surface
from handshape.data.drawn.signer import Signer
from handshape.data.drawn.solids import PALM, PARTS, SLEEVE

Indices = NDArray[np.intp]
Parts = NDArray[np.uint8]

_DISTAL = np.zeros(PARTS, dtype=bool)
_DISTAL[[2, 5, 8, 11, 14]] = True
_JOINTED = np.zeros(PARTS, dtype=np.float32)
_JOINTED[[1, 2, 4, 5, 7, 8, 10, 11, 13, 14]] = 1.0  # bones that begin at a joint inside the finger


def paint(
    surface: Surface,
    pixels: tuple[Indices, Indices],
    normals: Floats,
    signer: Signer,
    rng: np.random.Generator,
) -> Floats:
    """Give every visible pixel of hand and arm its own colour.

    Args:
        surface: What the picture shows.
        pixels: Rows and columns of the P pixels to paint.
        normals: (P, 3) unit normals, x right, y down, z to the viewer.
        signer: Whose skin it is.
        rng: Source of chance, for blotches and folds.

    Returns:
        (P, 3) float32, linear light in [0, 1], RGB.
    """
    rows, columns = pixels
    part = surface.part[rows, columns]
    along, beside, facing, length = _place(surface, rows, columns, part, normals)
    palm_side = np.clip(0.5 + 1.4 * facing, 0.0, 1.0)[:, None]
    colour = signer.back.astype(np.float32) * (1 - palm_side) + signer.palm.astype(np.float32) * palm_side
    blotches = _noise(surface.part.shape[0], rng)[rows, columns]
    tips = np.where(_DISTAL[part], np.clip(along, 0.0, 1.0), 0.0).astype(np.float32)
    red = (0.10 * tips + 0.14 * blotches)[:, None] * np.array([0.2, -1.0, -1.0], dtype=np.float32)
    colour *= 1.0 + red + (0.10 * blotches)[:, None]
    colour *= _lines(surface, part, along, beside, facing, length, signer)[:, None]
    nails = np.flatnonzero(_DISTAL[part] & (facing < -0.25))
    across, length_ways = (beside[nails] / 0.66) ** 2, ((along[nails] - 0.86) / 0.46) ** 2
    nails = nails[across * across + length_ways * length_ways < 1.0]  # a rectangle with round corners
    colour[nails] = signer.nail.astype(np.float32)
    cloth = part == SLEEVE
    if cloth.any():
        folds = 1.0 + 0.5 * _noise(surface.part.shape[0], rng)[rows[cloth], columns[cloth]]
        colour[cloth] = signer.cloth.astype(np.float32) * folds[:, None]
    painted: Floats = np.clip(colour, 0.0, 1.0)
    return painted


def _place(
    surface: Surface, rows: Indices, columns: Indices, part: Parts, normals: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Where on its own part each pixel lies.

    Returns:
        (P,) float32 each: along the part (0 to 1), beside its middle (-1 to 1), how far it faces the side
        of the palm (-1 to 1), and the part's length in pixels.
    """
    origins, axes = surface.origins.astype(np.float32), surface.axes.astype(np.float32)
    palmar = surface.palmar.astype(np.float32)
    length = np.linalg.norm(axes, axis=1)
    side = np.cross(axes, palmar)
    side /= (
        np.maximum(np.linalg.norm(side, axis=1), 1e-6)[:, None] * surface.radius.astype(np.float32)[:, None]
    )
    unit = axes / np.maximum(length * length, 1e-6)[:, None]
    spot = np.stack(
        [columns.astype(np.float32), rows.astype(np.float32), surface.depth[rows, columns]], axis=1
    )
    # One matrix for all parts, then each pixel picks its own: cheaper than gathering three vectors a pixel.
    shift_along, shift_side = (origins * unit).sum(axis=1), (origins * side).sum(axis=1)
    along = np.einsum("ij,ij->i", spot, unit[part]) - shift_along[part]
    beside = np.einsum("ij,ij->i", spot, side[part]) - shift_side[part]
    facing = np.einsum("ij,ij->i", normals, palmar[part])
    return along, beside, facing, length.astype(np.float32)[part]


def _lines(
    surface: Surface,
    part: Parts,
    along: Floats,
    beside: Floats,
    facing: Floats,
    length: Floats,
    signer: Signer,
) -> Floats:
    """How much the lines of the skin darken it: (P,) float32, 1 where there are none."""
    scale = np.float32(surface.radius[PALM] / 12.0)  # pixels per millimetre
    # On the palm's side a joint is one line, on the back some folds with nothing sharp about them.
    front = facing > 0.15
    near = along * length / (np.where(front, np.float32(1.1), np.float32(3.2)) * scale)
    dark = _JOINTED[part] * np.exp(-np.minimum(near * near, 30.0)) * np.where(front, 0.42, 0.16)
    palm = np.flatnonzero((part == PALM) & (facing > 0.3))
    u, v = (
        beside[palm] * np.float32(12.0 / 91.0) * (1.0 if signer.handedness == "left" else -1.0),
        along[palm],
    )
    heart = v - (0.72 + 0.55 * np.maximum(u + 0.42, 0.0) ** 2) + (u > 0.16)
    head = v - (0.50 + 0.27 * (u + 0.3)) + (u < -0.28)
    life = np.hypot(u - 0.46, v - 0.30) - 0.40 + (u > 0.34)
    for line in (heart, head, life):
        squared = (line / 0.014) ** 2
        dark[palm] += 0.30 * np.exp(-np.minimum(squared, 30.0))
    faded: Floats = (1.0 - np.clip(dark, 0.0, 0.8) * signer.wrinkles).astype(np.float32)
    return faded


def _noise(size: int, rng: np.random.Generator) -> Floats:
    """Soft blotches of two sizes: (size, size) float32, about -1 to 1."""
    fields = [
        Image.fromarray(rng.standard_normal((n, n), dtype=np.float32)).resize(
            (size, size), Image.Resampling.BILINEAR
        )
        for n in (12, 48)
    ]
    broad, fine = (np.asarray(field, dtype=np.float32) for field in fields)
    blotches: Floats = np.float32(0.5) * broad + np.float32(0.35) * fine
    return blotches
