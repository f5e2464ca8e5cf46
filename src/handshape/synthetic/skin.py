"""The colour of each pixel of skin, nail and cloth, before lighting."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handshape.synthetic.render import Floats, Surface
from handshape.synthetic.signer import Signer
from handshape.synthetic.solids import PALM, PARTS, SLEEVE

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
    """Return the colour of every visible pixel of hand and arm.

    Args:
        surface: The visible surface.
        pixels: Rows and columns of the P pixels to paint.
        normals: (3, P) unit normals, x right, y down, z to the viewer.
        signer: The signer.
        rng: Random generator.

    Returns:
        (3, P) float32, linear light in [0, 1], RGB.
    """
    rows, columns = pixels
    part = surface.part[rows, columns]
    along, beside, facing, length = _place(surface, rows, columns, part, normals)
    blotches = _noise(surface.part.shape[0], rng)[rows, columns]
    tips = np.where(_DISTAL[part], np.clip(along, 0.0, 1.0), np.float32(0.0))
    red = np.float32(0.10) * tips + np.float32(0.14) * blotches
    gain = _lines(surface, part, along, beside, facing, length, signer) * (1 + np.float32(0.10) * blotches)
    palm_side = np.clip(np.float32(0.5) + np.float32(1.4) * facing, 0.0, 1.0) * gain
    back_side = gain - palm_side
    back, palm = signer.back.astype(np.float32)[:, None], signer.palm.astype(np.float32)[:, None]
    colour = back * back_side + palm * palm_side
    colour *= 1 + np.array([[0.2], [-1.0], [-1.0]], dtype=np.float32) * red
    colour[:, _nails(part, along, beside, facing)] = signer.nail.astype(np.float32)[:, None]
    cloth = np.flatnonzero(part == SLEEVE)
    if len(cloth):
        folds = 1 + np.float32(0.5) * _noise(surface.part.shape[0], rng)[rows[cloth], columns[cloth]]
        colour[:, cloth] = signer.cloth.astype(np.float32)[:, None] * folds
    painted: Floats = np.clip(colour, 0.0, 1.0, out=colour)
    return painted


def _nails(part: Parts, along: Floats, beside: Floats, facing: Floats) -> Indices:
    """Return the pixels of nails: rounded rectangles on the back of the last bones."""
    near = np.flatnonzero(_DISTAL[part] & (facing < -0.25))
    across, lengthwise = (beside[near] / 0.66) ** 2, ((along[near] - 0.86) / 0.46) ** 2
    return near[across * across + lengthwise * lengthwise < 1.0]


def _place(
    surface: Surface, rows: Indices, columns: Indices, part: Parts, normals: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the position of each pixel on its part.

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
    spot = (columns.astype(np.float32), rows.astype(np.float32), surface.depth[rows, columns])
    along = _dot(spot, unit, part) - (origins * unit).sum(axis=1)[part]
    beside = _dot(spot, side, part) - (origins * side).sum(axis=1)[part]
    facing = _dot((normals[0], normals[1], normals[2]), palmar, part)
    return along, beside, facing, length.astype(np.float32)[part]


def _dot(points: tuple[Floats, Floats, Floats], vectors: Floats, part: Parts) -> Floats:
    """Product of each point with the vector of its part: (P,) float32."""
    x, y, z = (np.ascontiguousarray(vectors[:, k])[part] for k in range(3))
    product: Floats = points[0] * x + points[1] * y + points[2] * z
    return product


def _lines(
    surface: Surface,
    part: Parts,
    along: Floats,
    beside: Floats,
    facing: Floats,
    length: Floats,
    signer: Signer,
) -> Floats:
    """Return the factor by which lines darken the skin: (P,) float32, 1 where there are none."""
    scale = np.float32(surface.radius[PALM] / 12.0)  # pixels per millimetre
    # A joint is one line on the palm side, and soft folds on the back.
    front = facing > 0.15
    near = along * length / (np.where(front, np.float32(1.1), np.float32(3.2)) * scale)
    dark = (
        _JOINTED[part]
        * np.exp(-np.minimum(near * near, 30.0))
        * np.where(front, np.float32(0.42), np.float32(0.16))
    )
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
    broad = Image.fromarray(rng.standard_normal((12, 12), dtype=np.float32)).resize(
        (48, 48), Image.Resampling.BICUBIC
    )
    fine = rng.standard_normal((48, 48), dtype=np.float32)
    both = Image.fromarray(np.float32(0.5) * np.asarray(broad, dtype=np.float32) + np.float32(0.35) * fine)
    blotches: Floats = np.asarray(both.resize((size, size), Image.Resampling.BILINEAR), dtype=np.float32)
    return blotches
