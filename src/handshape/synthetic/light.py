"""Light on the hand: normals, creases, cast shadows and shading."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from handshape.synthetic.render import FAR, Floats, Mask
from handshape.synthetic.signer import Colour
from handshape.synthetic.skeleton import Array


@dataclass(frozen=True)
class Light:
    """A lamp and ambient light.

    Args:
        direction: (3,) unit vector from the hand to the lamp: x right, y down, z to the viewer.
        lamp: (3,) colour and strength of the lamp, linear.
        above: (3,) ambient light from above.
        below: (3,) ambient light from below.
        shine: Gloss of the skin, 0 to 1.
        hardness: Width of a shadow's edge as a fraction of the hand's thickness; smaller is harder.
    """

    direction: Array
    lamp: Colour
    above: Colour
    below: Colour
    shine: float
    hardness: float


def find_normals(depth: Floats, solid: Mask) -> Floats:
    """Surface normals from the gradients of the depth, which stop at edges.

    Args:
        depth: (H, W) float32, pixels, larger is nearer.
        solid: (H, W) bool, where there is something.

    Returns:
        (3, H, W) float32 unit vectors: x right, y down, z to the viewer.
    """
    slopes = [_slope(depth, solid, axis) for axis in (1, 0)]
    size = 1.0 / np.sqrt(1.0 + slopes[0] ** 2 + slopes[1] ** 2)
    return np.stack([-slopes[0] * size, -slopes[1] * size, size])


def _slope(depth: Floats, solid: Mask, axis: int) -> Floats:
    step = np.diff(depth, axis=axis)
    both = (solid[:, 1:] & solid[:, :-1]) if axis else (solid[1:] & solid[:-1])
    step = np.clip(np.where(both, step, np.float32(0.0)), -4.0, 4.0)
    room = [(0, 0), (0, 0)]
    room[axis] = (1, 1)
    step = np.pad(step, room)
    ahead, behind = (step[:, 1:], step[:, :-1]) if axis else (step[1:], step[:-1])
    gentle = np.where(np.abs(ahead) < np.abs(behind), ahead, behind)
    slope: Floats = np.where(np.abs(ahead - behind) > 1.5, gentle, 0.5 * (ahead + behind))
    return slope


def find_creases(depth: Floats, solid: Mask, scale: float) -> Floats:
    """Share of the ambient light that reaches each pixel.

    Source: after T. Luft, C. Colditz, O. Deussen, Image enhancement by unsharp masking the depth buffer, ACM
    Transactions on Graphics 25(3), 2006.

    Args:
        depth: (H, W) float32, pixels.
        solid: (H, W) bool, where there is something.
        scale: Pixels per millimetre.

    Returns:
        (H, W) float32 in (0, 1], 1 where nothing nearby is nearer to the viewer.
    """
    floor = depth[solid].min() if solid.any() else np.float32(0.0)
    height = np.where(solid, depth, floor)
    coarse = height[::2, ::2]
    narrow = np.maximum(gaussian_filter(height, 1.6 * scale, truncate=2.5) - height, 0.0)
    wide = np.maximum(gaussian_filter(coarse, 4.0 * scale, truncate=2.0) - coarse, 0.0)
    wide = np.repeat(np.repeat(wide, 2, axis=0), 2, axis=1)[: depth.shape[0], : depth.shape[1]]
    open_sky: Floats = 1.0 / (1.0 + (0.75 / scale) * narrow + (0.10 / scale) * wide)
    return open_sky


def find_shadows(depth: Floats, light: Light, scale: float) -> Floats:
    """Share of the lamp that is visible from each pixel, by ray marching through the depth.

    Args:
        depth: (H, W) float32, pixels; ``FAR`` where there is nothing.
        light: The light.
        scale: Pixels per millimetre.

    Returns:
        (H, W) float32 in [0, 1], 1 in full light.
    """
    half = depth[::2, ::2]
    flat = float(np.hypot(light.direction[0], light.direction[1]))
    if flat < 0.05:
        return np.ones_like(depth)
    unit, rise = light.direction[:2] / flat, float(light.direction[2]) / flat
    reach = int(np.ceil(26.0 * scale)) + 1
    padded = np.pad(half, reach, constant_values=FAR)
    hidden = np.zeros_like(half)
    soft = np.float32(1.0 / (12.0 * light.hardness * scale))
    rows, columns = half.shape
    for walk in (2.5, 5.0, 8.0, 12.0, 17.0, 23.0, 31.0, 42.0):  # millimetres
        dx, dy = (round(float(v) * walk * scale / 2.0) for v in unit)
        seen = padded[reach + dy : reach + dy + rows, reach + dx : reach + dx + columns]
        np.maximum(hidden, (seen - half - np.float32((walk * rise + 1.0) * scale)) * soft, out=hidden)
    lit = gaussian_filter(1.0 - np.clip(hidden, 0.0, 1.0), 0.8)
    large: Floats = np.repeat(np.repeat(lit, 2, axis=0), 2, axis=1)[: depth.shape[0], : depth.shape[1]]
    return large


def shade(colour: Floats, normals: Floats, creases: Floats, shadows: Floats, light: Light) -> Floats:
    """Light the pixels of a hand.

    Red light scatters farther in skin than blue, so it reaches a little around the edge of the lit side.

    Args:
        colour: (3, P) colour of the surface, linear light.
        normals: (3, P) unit normals.
        creases: (P,) from ``find_creases``.
        shadows: (P,) from ``find_shadows``.
        light: The light.

    Returns:
        (3, P) float32, linear light, not clipped.
    """
    wrap = np.array([[0.32], [0.16], [0.10]], dtype=np.float32)
    lamp = light.lamp.astype(np.float32)[:, None]
    lit = np.maximum(_dot(normals, light.direction) + wrap, 0.0)
    lit *= lamp / (1 + wrap)
    lit *= shadows * (np.float32(0.35) + np.float32(0.65) * creases)
    up = np.float32(0.5) - np.float32(0.5) * normals[1] * creases
    around = creases * (np.float32(0.55) + np.float32(0.45) * normals[2])
    above, below = light.above.astype(np.float32)[:, None], light.below.astype(np.float32)[:, None]
    lit += (above - below) * (up * around) + below * around
    lit *= colour
    half = light.direction + np.array([0.0, 0.0, 1.0])
    gloss = np.maximum(_dot(normals, half / np.linalg.norm(half)), 0.0)
    for _ in range(4):
        gloss *= gloss  # to the 16th
    gloss *= shadows * np.float32(0.12 * light.shine)
    shaded: Floats = lit + lamp * gloss
    return shaded


def _dot(normals: Floats, vector: Array) -> Floats:
    # Not with matmul, whose threads would be slower for such a thin product.
    x, y, z = (np.float32(value) for value in vector)
    product: Floats = normals[0] * x + normals[1] * y + normals[2] * z
    return product
