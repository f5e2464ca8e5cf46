"""A depth buffer in numpy: which part of the hand each pixel sees, and how near it is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from handshape.data.drawn.skeleton import Array
from handshape.data.drawn.solids import PALM, SLEEVE, Solids

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

FAR = np.float32(-1e6)
"""Depth of a pixel that sees nothing."""

NOTHING = 255
"""Part of a pixel that sees nothing."""


@dataclass(frozen=True)
class View:
    """How the hand is held before the camera, and where it lands in the picture.

    Args:
        turn: (3, 3) rotation from the hand's frame to the viewer's: x right, y up, z to the viewer.
        mirror: Whether the hand is a left one.
        distance: From the camera to the hand, millimetres.
        scale: Pixels per millimetre at that distance.
        centre: Where the hand's origin is drawn, pixels from the top left corner (x, y).
    """

    turn: Array
    mirror: bool
    distance: float
    scale: float
    centre: tuple[float, float]

    def project(self, points: Array) -> tuple[Array, Array]:
        """Project points and tell how much larger things look there.

        Args:
            points: (..., 3) millimetres, in the hand's frame.

        Returns:
            (..., 3) float64: x right and y down in pixels, and depth in pixels, larger is nearer; and (...)
            float64, pixels per millimetre at each point.
        """
        seen = points @ self.turn.T
        if self.mirror:
            seen = seen * np.array([-1.0, 1.0, 1.0])
        near = self.scale * self.distance / np.maximum(self.distance - seen[..., 2], 0.25 * self.distance)
        x = self.centre[0] + near * seen[..., 0]
        y = self.centre[1] - near * seen[..., 1]
        return np.stack([x, y, near * seen[..., 2]], axis=-1), near


@dataclass(frozen=True)
class Surface:
    """What a picture of the hand shows, before light falls on it.

    Args:
        depth: (H, W) float32, pixels, larger is nearer; ``FAR`` where there is nothing.
        part: (H, W) uint8, the part each pixel sees; ``NOTHING`` where there is none.
        origins: (PARTS, 3) where each part begins, in the picture's frame (x right, y down, z near; pixels).
        axes: (PARTS, 3) along each part, pixels.
        palmar: (PARTS, 3) unit vectors to each part's side of the palm, same frame.
        radius: (PARTS,) thickness of each part, pixels.
    """

    depth: Floats
    part: NDArray[np.uint8]
    origins: Array
    axes: Array
    palmar: Array
    radius: Array

    @property
    def mask(self) -> Mask:
        """Pixels of the hand itself, from wrist to fingertips: (H, W) bool."""
        return self.part <= PALM


def render_surface(solids: Solids, view: View, size: int) -> Surface:
    """Draw the solids into a depth buffer.

    Args:
        solids: What to draw.
        view: How it is held and where it lands.
        size: Height and width of the picture, pixels.

    Returns:
        Depth and part of each pixel.
    """
    depth = np.full((size, size), FAR, dtype=np.float32)
    part = np.full((size, size), NOTHING, dtype=np.uint8)
    starts, near_a = view.project(solids.starts)
    ends, near_b = view.project(solids.ends)
    radii = solids.radii * np.stack([near_a, near_b], axis=1)
    for i in np.flatnonzero(solids.soft):
        _draw_capsule(depth, part, starts[i], ends[i], radii[i], int(solids.parts[i]))
    corners, near_c = view.project(solids.corners)
    corner_radii = solids.corner_radii * near_c
    sleeves = solids.corner_parts == SLEEVE
    for i in np.flatnonzero(~sleeves):
        _draw_triangle(depth, part, corners[i], corner_radii[i], int(solids.corner_parts[i]))
    _melt(depth, part, 2.6 * view.scale)
    for i in np.flatnonzero(~solids.soft):
        _draw_capsule(depth, part, starts[i], ends[i], radii[i], int(solids.parts[i]))
    for i in np.flatnonzero(sleeves):
        _draw_triangle(depth, part, corners[i], corner_radii[i], SLEEVE)
    origins, near = view.project(solids.origins)
    tips, _ = view.project(solids.origins + solids.axes)
    flip = np.array([-1.0 if view.mirror else 1.0, -1.0, 1.0])
    return Surface(
        depth, part, origins, tips - origins, (solids.palmar @ view.turn.T) * flip, solids.radius * near
    )


def _window(low: Array, high: Array, size: int) -> tuple[int, int, int, int] | None:
    x0, y0 = max(0, int(np.floor(low[0]))), max(0, int(np.floor(low[1])))
    x1, y1 = min(size, int(np.ceil(high[0])) + 1), min(size, int(np.ceil(high[1])) + 1)
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def _draw_capsule(
    depth: Floats, part: NDArray[np.uint8], a: Array, b: Array, radii: Array, number: int
) -> None:
    """Draw the hull of two spheres: for each pixel the nearest of all spheres between them.

    With q the pixel relative to the first centre, the sphere at t in [0, 1] reaches the depth
    z(t) = z0 + t dz + sqrt(Q(t)), Q = A t^2 + B t + C its squared height over the pixel. z'(t) = 0 gives
    sqrt(Q) = sqrt((B^2 - 4 A C) / (4 (dz^2 - A))) and 2 A t + B = -2 dz sqrt(Q).
    """
    ra, rb = float(radii[0]), float(radii[1])
    window = _window(np.minimum(a[:2] - ra, b[:2] - rb), np.maximum(a[:2] + ra, b[:2] + rb), depth.shape[0])
    if window is None:
        return
    x0, y0, x1, y1 = window
    x = np.arange(x0, x1, dtype=np.float32) - np.float32(a[0])
    y = (np.arange(y0, y1, dtype=np.float32) - np.float32(a[1]))[:, None]
    dx, dy, dz = (float(v) for v in b - a)
    dr = rb - ra
    big_a = dr * dr - dx * dx - dy * dy
    big_c = np.float32(ra * ra) - (x * x + y * y)
    if big_a > -1e-3 * ra * ra:  # seen end-on: one sphere hides the other
        hit = _spheres(big_c, x - dx, y - dy, float(a[2]), float(b[2]), rb)
    else:
        big_b = np.float32(2.0) * (x * np.float32(dx) + (y * np.float32(dy) + np.float32(ra * dr)))
        root = np.sqrt(
            np.maximum(big_b * big_b - np.float32(4 * big_a) * big_c, np.float32(0.0))
            * np.float32(0.25 / (dz * dz - big_a))
        )
        t = (root * np.float32(-2.0 * dz) - big_b) * np.float32(0.5 / big_a)
        np.clip(t, 0.0, 1.0, out=t)
        square = (t * np.float32(big_a) + big_b) * t + big_c
        hit = np.where(
            square > 0,
            np.sqrt(np.maximum(square, np.float32(0.0))) + t * np.float32(dz) + np.float32(a[2]),
            FAR,
        )
    _put(depth[y0:y1, x0:x1], part[y0:y1, x0:x1], hit, number)


def _spheres(square: Floats, x: Floats, y: Floats, za: float, zb: float, rb: float) -> Floats:
    other = np.float32(rb * rb) - (x * x + y * y)
    first = np.where(square > 0, np.sqrt(np.maximum(square, np.float32(0.0))) + np.float32(za), FAR)
    second = np.where(other > 0, np.sqrt(np.maximum(other, np.float32(0.0))) + np.float32(zb), FAR)
    nearest: Floats = np.maximum(first, second)
    return nearest


def _draw_triangle(depth: Floats, part: NDArray[np.uint8], corners: Array, radii: Array, number: int) -> None:
    """Draw the plane that touches three spheres on the side of the viewer, between the points of touch."""
    e1, e2 = corners[1] - corners[0], corners[2] - corners[0]
    across = np.cross(e1, e2)
    length = float(np.linalg.norm(across))
    g11, g12, g22 = float(e1 @ e1), float(e1 @ e2), float(e2 @ e2)
    determinant = g11 * g22 - g12 * g12
    if length < 1e-6 or determinant < 1e-6:
        return
    s1, s2 = float(radii[0] - radii[1]), float(radii[0] - radii[2])
    alpha, beta = (s1 * g22 - s2 * g12) / determinant, (s2 * g11 - s1 * g12) / determinant
    flat = alpha * e1 + beta * e2
    rest = 1.0 - float(flat @ flat)
    if rest <= 0.0:  # one sphere swallows the others
        return
    normal = flat + np.sqrt(rest) * np.sign(across[2]) * across / length
    if normal[2] < 0.05:
        return
    points = corners + radii[:, None] * normal
    window = _window(points.min(axis=0), points.max(axis=0), depth.shape[0])
    if window is None:
        return
    x0, y0, x1, y1 = window
    x = np.arange(x0, x1, dtype=np.float32)
    y = np.arange(y0, y1, dtype=np.float32)[:, None]
    inside = np.ones((y1 - y0, x1 - x0), dtype=bool)
    side = np.sign(
        (points[1] - points[0])[0] * (points[2] - points[0])[1]
        - (points[1] - points[0])[1] * (points[2] - points[0])[0]
    )
    for i in range(3):
        p, d = points[i], points[(i + 1) % 3] - points[i]
        inside &= (
            x * np.float32(-side * d[1])
            + (y * np.float32(side * d[0]) + np.float32(side * (d[1] * p[0] - d[0] * p[1])))
            >= 0
        )
    slope_x, slope_y = -normal[0] / normal[2], -normal[1] / normal[2]
    plane = x * np.float32(slope_x) + (
        y * np.float32(slope_y) + np.float32(points[0, 2] - slope_x * points[0, 0] - slope_y * points[0, 1])
    )
    _put(depth[y0:y1, x0:x1], part[y0:y1, x0:x1], np.where(inside, plane, FAR), number)


def _put(depth: Floats, part: NDArray[np.uint8], hit: Floats, number: int) -> None:
    nearer = hit > depth
    np.copyto(depth, hit, where=nearer)
    np.copyto(part, np.uint8(number), where=nearer)


def _melt(depth: Floats, part: NDArray[np.uint8], sigma: float) -> None:
    """Smooth what has been drawn so far inside its own outline, so that palm and wrist are one body."""
    rows, columns = (
        np.flatnonzero((part != NOTHING).any(axis=1)),
        np.flatnonzero((part != NOTHING).any(axis=0)),
    )
    if not len(rows):
        return
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    drawn = part[window] != NOTHING
    level = np.float32(np.median(depth[window][drawn]))
    height = np.where(drawn, depth[window] - level, np.float32(0.0))
    weight = gaussian_filter(drawn.astype(np.float32), sigma, mode="constant", truncate=2.5)
    smooth = gaussian_filter(height, sigma, mode="constant", truncate=2.5)
    np.copyto(depth[window], smooth / np.maximum(weight, np.float32(1e-6)) + level, where=drawn)
