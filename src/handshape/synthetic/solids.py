"""The flesh of the hand: tapered capsules, and triangles between spheres.

Source: A. Tkach, M. Pauly, A. Tagliasacchi, Sphere-meshes for real-time hand modeling and tracking, ACM
Transactions on Graphics 35(6), 2016: the idea of a hand as the hull of spheres of different size.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from handshape.synthetic.skeleton import BONES, Array, Skeleton

PALM, FOREARM, SLEEVE = len(BONES), len(BONES) + 1, len(BONES) + 2
"""Numbers of the parts other than moving bones; a bone's part is its position in ``BONES``."""

PARTS = len(BONES) + 3

_WEB = 0.34  # extent of the skin between two fingers along the first bone, as a fraction


@dataclass(frozen=True)
class Solids:
    """All solids of one hand, in millimetres.

    Args:
        starts: (M, 3) first ends of the capsules.
        ends: (M, 3) other ends.
        radii: (M, 2) radius at both ends.
        parts: (M,) part each capsule belongs to.
        soft: (M,) whether the capsule is blended with its neighbours (palm) or has edges (fingers).
        corners: (T, 3, 3) corners of the triangles, which are all soft.
        corner_radii: (T, 3) radius of the sphere at each corner.
        corner_parts: (T,) part each triangle belongs to.
        origins: (PARTS, 3) where each part begins.
        axes: (PARTS, 3) from each part's beginning to its end, not normalised.
        palmar: (PARTS, 3) unit vectors to each part's side of the palm.
        radius: (PARTS,) thickness of each part at its end.
    """

    starts: Array
    ends: Array
    radii: Array
    parts: NDArray[np.intp]
    soft: NDArray[np.bool_]
    corners: Array
    corner_radii: Array
    corner_parts: NDArray[np.intp]
    origins: Array
    axes: Array
    palmar: Array
    radius: Array


class _Builder:
    def __init__(self) -> None:
        self.capsules: list[tuple[Array, Array, float, float, int, bool]] = []
        self.triangles: list[tuple[Array, Array, int]] = []

    def capsule(self, a: "_Ball", b: "_Ball", part: int, soft: bool = True) -> None:
        self.capsules.append((a[0], b[0], a[1], b[1], part, soft))

    def triangle(self, a: "_Ball", b: "_Ball", c: "_Ball", part: int = PALM) -> None:
        self.triangles.append((np.array([a[0], b[0], c[0]]), np.array([a[1], b[1], c[1]]), part))


_Ball = tuple[Array, float]


def build_solids(bones: Skeleton, forearm: float, sleeve: float | None) -> Solids:
    """Return the solids of a skeleton.

    Args:
        bones: The skeleton.
        forearm: Length of the forearm, millimetres.
        sleeve: Distance from the wrist to the hem of the sleeve, millimetres; ``None`` for a bare arm.

    Returns:
        The solids, in the skeleton's frame.
    """
    build = _Builder()
    for part in range(len(BONES)):
        ball_a, ball_b = (bones.starts[part], bones.radii[part, 0]), (bones.ends[part], bones.radii[part, 1])
        build.capsule(ball_a, ball_b, part, soft=part == 0)
    _palm(build, bones)
    _forearm(build, bones, forearm, sleeve)
    down = -bones.wrist[:, 1] * forearm
    zero = np.zeros(3)
    origins = np.vstack([bones.starts, [zero, zero, zero]])
    axes = np.vstack([bones.ends - bones.starts, [bones.knuckles[1], down, down]])
    palmar = np.vstack([bones.palmar, np.array([0.0, 0.0, 1.0]), bones.wrist[:, 2], bones.wrist[:, 2]])
    radius = np.concatenate([bones.radii[:, 1], [12.0, 18.0, 26.0]])
    starts, ends, first, second, parts, soft = zip(*build.capsules, strict=True)
    corners, corner_radii, corner_parts = zip(*build.triangles, strict=True)
    return Solids(
        starts=np.array(starts),
        ends=np.array(ends),
        radii=np.stack([first, second], axis=1),
        parts=np.array(parts),
        soft=np.array(soft),
        corners=np.array(corners),
        corner_radii=np.array(corner_radii),
        corner_parts=np.array(corner_parts),
        origins=origins,
        axes=axes,
        palmar=palmar,
        radius=radius,
    )


def _palm(build: _Builder, bones: Skeleton) -> None:
    p = bones.proportions
    size = np.array([p.size * p.width, p.size, p.size * p.thickness])
    thick = p.size * p.thickness

    def ball(x: float, y: float, z: float, r: float) -> _Ball:
        return np.array([x, y, z]) * size, r * thick

    radial, ulnar = ball(14.0, 3.0, 0.0, 14.5), ball(-15.0, 3.0, 0.0, 14.0)
    heel, edge = (
        ball(-22.0, 20.0, 5.0, 14.5),
        ball(-31.0, 52.0, 2.0, 11.5),
    )  # the muscle below the little finger
    knuckles = [(bones.knuckles[i], float(bones.knuckle_radii[i])) for i in range(4)]
    roots = [radial, radial, ulnar, ulnar]
    for knuckle, root in zip(knuckles, roots, strict=True):
        build.capsule(root, knuckle, PALM)
    for a, b in ((heel, edge), (ulnar, heel), (edge, knuckles[3]), (radial, ulnar)):
        build.capsule(a, b, PALM)
    for a, b in pairwise(knuckles):
        build.capsule(a, b, PALM)
    build.triangle(radial, knuckles[0], knuckles[1])
    build.triangle(radial, ulnar, knuckles[1])
    build.triangle(ulnar, knuckles[1], knuckles[2])
    build.triangle(ulnar, knuckles[2], knuckles[3])
    build.triangle(heel, edge, knuckles[2])
    build.triangle(edge, knuckles[2], knuckles[3])
    _ball_of_thumb(build, bones, radial, knuckles)
    _webs(build, bones, knuckles)


def _ball_of_thumb(build: _Builder, bones: Skeleton, radial: _Ball, knuckles: list[_Ball]) -> None:
    root, joint = (bones.starts[0], float(bones.radii[0, 0])), (bones.ends[0], float(bones.radii[0, 1]))
    thick = bones.proportions.size * bones.proportions.thickness
    middle = (0.5 * (root[0] + joint[0]) + np.array([-6.0, 0.0, 0.0]) * thick, 14.0 * thick)
    index = (0.25 * radial[0] + 0.75 * knuckles[0][0], 9.5 * thick)
    half = (0.4 * bones.starts[0] + 0.6 * bones.ends[0], 11.0 * thick)
    low = (0.55 * radial[0] + 0.45 * knuckles[1][0], 12.0 * thick)
    build.capsule(radial, root, PALM)
    build.capsule(root, middle, 0)
    build.capsule(middle, joint, 0)
    build.triangle(root, half, index, PALM)
    build.triangle(half, index, (joint[0], 8.0 * thick), PALM)
    build.triangle(root, middle, low, PALM)
    build.triangle(radial, root, index, PALM)


def _webs(build: _Builder, bones: Skeleton, knuckles: list[_Ball]) -> None:
    firsts = [3, 6, 9, 12]
    along = bones.ends[firsts] - bones.starts[firsts]
    unit = along / np.linalg.norm(along, axis=1, keepdims=True)
    for i in range(4):
        tip = (bones.starts[firsts[i]] + _WEB * along[i], float(0.97 * bones.radii[firsts[i], 0]))
        build.capsule(knuckles[i], tip, PALM)
    for i in range(3):
        # The skin between a bent and a straight finger is hardly visible.
        reach = _WEB * max(0.15, float(unit[i] @ unit[i + 1])) ** 2
        left, right = (
            (bones.starts[firsts[j]] + reach * along[j], float(0.8 * bones.radii[firsts[j], 0]))
            for j in (i, i + 1)
        )
        build.triangle(knuckles[i], knuckles[i + 1], left)
        build.triangle(knuckles[i + 1], left, right)


def _forearm(build: _Builder, bones: Skeleton, length: float, sleeve: float | None) -> None:
    p = bones.proportions
    thick = p.size * p.thickness
    across, towards = bones.wrist[:, 0], bones.wrist[:, 1]

    def ball(x: float, y: float, r: float) -> _Ball:
        return across * (x * p.size * p.width) + towards * y, r * thick

    far = min(length, 260.0) / 260.0
    near = ball(14.0, -2.0, 14.2), ball(-14.5, -2.0, 14.0)
    end = (
        ball(13.0 + 11.0 * far, -length, 14.5 + 9.0 * far),
        ball(-13.0 - 11.0 * far, -length, 14.5 + 9.0 * far),
    )
    for a, b in zip(near, end, strict=True):
        build.capsule(a, b, FOREARM)
    build.triangle(near[0], near[1], end[0], FOREARM)
    build.triangle(near[1], end[0], end[1], FOREARM)
    if sleeve is not None and sleeve < length:
        hem = ball(13.0, -sleeve, 20.0), ball(-13.0, -sleeve, 20.0)
        upper = ball(26.0, -length, 30.0), ball(-26.0, -length, 30.0)
        for a, b in zip(hem, upper, strict=True):
            build.capsule(a, b, SLEEVE, soft=False)
        build.triangle(hem[0], hem[1], upper[0], SLEEVE)
        build.triangle(hem[1], upper[0], upper[1], SLEEVE)
