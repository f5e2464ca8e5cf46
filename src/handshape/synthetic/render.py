"""A depth buffer in numpy: the depth and the part of the hand at each pixel."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from handshape.synthetic.skeleton import Array
from handshape.synthetic.solids import PALM, SLEEVE, Solids

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

FAR = np.float32(-1e6)
"""Depth of a pixel without the hand."""

NOTHING = 255
"""Part of a pixel without the hand."""


@dataclass(frozen=True)
class View:
    """The orientation of the hand and its position in the image.

    Args:
        turn: (3, 3) rotation from the hand's frame to the viewer's: x right, y up, z to the viewer.
        mirror: Whether it is a left hand.
        distance: From the camera to the hand, millimetres.
        scale: Pixels per millimetre at that distance.
        centre: Position of the hand's origin in pixels from the top left corner (x, y).
    """

    turn: Array
    mirror: bool
    distance: float
    scale: float
    centre: tuple[float, float]

    def project(self, points: Array) -> tuple[Array, Array]:
        """Project points.

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
    """The visible surface of the hand, before lighting.

    Args:
        depth: (H, W) float32, pixels, larger is nearer; ``FAR`` where there is nothing.
        part: (H, W) uint8, the part at each pixel; ``NOTHING`` where there is none.
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
    """Render the solids into a depth buffer, ``size`` pixels high and wide."""
    depth = np.full((size, size), FAR, dtype=np.float32)
    part = np.full((size, size), NOTHING, dtype=np.uint8)
    starts, near_a = view.project(solids.starts)
    ends, near_b = view.project(solids.ends)
    radii = solids.radii * np.stack([near_a, near_b], axis=1)
    for i in np.flatnonzero(solids.soft):
        _draw_capsule(depth, part, starts[i], ends[i], radii[i], int(solids.parts[i]))
    corners, near_c = view.project(solids.corners)
    normals, touched = _touching_planes(corners, solids.corner_radii * near_c)
    seen, cloth = normals[:, 2] > 0, solids.corner_parts == SLEEVE
    for i in np.flatnonzero(seen & ~cloth):
        _draw_triangle(depth, part, touched[i], normals[i], int(solids.corner_parts[i]))
    _melt(depth, part, 3.6 * view.scale)
    for i in np.flatnonzero(~solids.soft):
        _draw_capsule(depth, part, starts[i], ends[i], radii[i], int(solids.parts[i]))
    for i in np.flatnonzero(seen & cloth):
        _draw_triangle(depth, part, touched[i], normals[i], SLEEVE)
    origins, near = view.project(solids.origins)
    tips, _ = view.project(solids.origins + solids.axes)
    flip = np.array([-1.0 if view.mirror else 1.0, -1.0, 1.0])
    return Surface(
        depth, part, origins, tips - origins, (solids.palmar @ view.turn.T) * flip, solids.radius * near
    )


def _window(low: Array, high: Array, size: int) -> tuple[int, int, int, int] | None:
    x0, y0 = max(0, int(low[0]) - 1), max(0, int(low[1]) - 1)
    x1, y1 = min(size, int(high[0]) + 2), min(size, int(high[1]) + 2)
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
        np.minimum(np.maximum(t, 0.0, out=t), 1.0, out=t)
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


def _touching_planes(corners: Array, radii: Array) -> tuple[Array, Array]:
    """For each triple of spheres, the plane that touches them on the side of the viewer.

    Args:
        corners: (T, 3, 3) centres, pixels.
        radii: (T, 3) pixels.

    Returns:
        (T, 3) unit normals, zero where there is no such plane or it is seen from behind or edge-on; and
        (T, 3, 3) where the plane touches the spheres.
    """
    e1, e2 = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    across = np.cross(e1, e2)
    squared = np.maximum((across * across).sum(axis=1), 1e-9)  # also the determinant of the edges' products
    g11, g12, g22 = (e1 * e1).sum(axis=1), (e1 * e2).sum(axis=1), (e2 * e2).sum(axis=1)
    s1, s2 = radii[:, 0] - radii[:, 1], radii[:, 0] - radii[:, 2]
    alpha, beta = (s1 * g22 - s2 * g12) / squared, (s2 * g11 - s1 * g12) / squared
    flat = alpha[:, None] * e1 + beta[:, None] * e2
    rest = 1.0 - (flat * flat).sum(axis=1)  # not positive where one sphere swallows another
    height = np.sqrt(np.maximum(rest, 0.0) / squared) * np.sign(across[:, 2])
    normals = flat + height[:, None] * across
    normals[(rest <= 0.0) | (normals[:, 2] < 0.05) | (squared < 1e-6)] = 0.0
    return normals, corners + radii[..., None] * normals[:, None]


def _draw_triangle(depth: Floats, part: NDArray[np.uint8], points: Array, normal: Array, number: int) -> None:
    window = _window(points.min(axis=0), points.max(axis=0), depth.shape[0])
    if window is None:
        return
    x0, y0, x1, y1 = window
    x = np.arange(x0, x1, dtype=np.float32)
    y = np.arange(y0, y1, dtype=np.float32)[:, None]
    (ax, ay, az), (bx, by, _), (cx, cy, _) = points.tolist()
    side = 1.0 if (bx - ax) * (cy - ay) > (by - ay) * (cx - ax) else -1.0
    inside = np.ones((y1 - y0, x1 - x0), dtype=bool)
    for px, py, qx, qy in ((ax, ay, bx, by), (bx, by, cx, cy), (cx, cy, ax, ay)):
        dx, dy = side * (qx - px), side * (qy - py)
        inside &= y * np.float32(dx) + np.float32(dy * px - dx * py) >= x * np.float32(dy)
    nx, ny, nz = normal.tolist()
    tilt_x, tilt_y = -nx / nz, -ny / nz
    plane = x * np.float32(tilt_x) + (y * np.float32(tilt_y) + np.float32(az - tilt_x * ax - tilt_y * ay))
    _put(depth[y0:y1, x0:x1], part[y0:y1, x0:x1], np.where(inside, plane, FAR), number)


def _put(depth: Floats, part: NDArray[np.uint8], hit: Floats, number: int) -> None:
    nearer = hit > depth
    np.copyto(depth, hit, where=nearer)
    np.copyto(part, np.uint8(number), where=nearer)


def _melt(depth: Floats, part: NDArray[np.uint8], sigma: float) -> None:
    """Smooth the depth within the outline, so that palm and wrist are one body."""
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
