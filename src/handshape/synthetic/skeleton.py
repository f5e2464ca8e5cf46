"""Bones, joints and their limits: from joint angles to the positions of all bones.

The frame is that of a right hand with the palm to the viewer and the fingers up: x to the thumb's side, y to
the fingertips, z out of the palm, all in millimetres, with the middle of the wrist at the origin. A left hand
is its mirror image and is made by the renderer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from handshape.errors import UsageError

Array = NDArray[np.float64]

FINGERS = ("index", "middle", "ring", "pinky")
_FINGER_LIMITS = {"spread": (-20.0, 25.0), "mcp": (-20.0, 95.0), "pip": (-5.0, 118.0), "dip": (-15.0, 85.0)}
_THUMB_LIMITS = {
    "abduct": (-35.0, 75.0),
    "palmar": (-20.0, 75.0),
    "roll": (-40.0, 120.0),
    "mcp": (-15.0, 75.0),
    "ip": (-30.0, 90.0),
}
_WRIST_LIMITS = {"flex": (-60.0, 60.0), "deviate": (-25.0, 35.0)}

LIMITS: dict[str, tuple[float, float]] = {
    **{f"{finger}.{joint}": limits for finger in FINGERS for joint, limits in _FINGER_LIMITS.items()},
    **{f"thumb.{joint}": limits for joint, limits in _THUMB_LIMITS.items()},
    **{f"wrist.{joint}": limits for joint, limits in _WRIST_LIMITS.items()},
}
"""Lowest and highest legal angle of every joint, degrees.

Source: A. Kapandji, The Physiology of the Joints, vol. 1 (ranges of finger, thumb and wrist joints), rounded
outwards to the passive range, because fingers press on each other in a fist.
"""

JOINTS = tuple(LIMITS)
"""Names of the J joint angles, in the order of a pose."""

BONES = tuple(f"thumb.{part}" for part in ("metacarpal", "proximal", "distal")) + tuple(
    f"{finger}.{part}" for finger in FINGERS for part in ("proximal", "middle", "distal")
)
"""Names of the B moving bones, in the order of a skeleton."""

# An adult hand of about 185 mm, from wrist to the tip of the middle finger.
# Source: B. Buchholz, T. Armstrong, S. Goldstein, Anthropometric data for describing the kinematics of the
# human hand, Ergonomics 35(3), 1992 (lengths as fractions of hand length); widths by eye against photos.
_KNUCKLES = np.array([[26.0, 88.0, 0.0], [5.5, 91.0, -3.0], [-14.5, 86.0, -3.0], [-33.0, 76.0, 0.0]])
_KNUCKLE_RADII = np.array([11.5, 11.5, 11.0, 9.8])
_LENGTHS = np.array([[42.0, 25.0, 18.0], [46.0, 29.0, 19.0], [43.0, 27.0, 19.0], [34.0, 20.0, 17.0]])
_RADII = np.array(
    [[11.0, 10.2, 9.5, 8.1], [11.2, 10.4, 9.7, 8.3], [10.7, 9.8, 9.1, 7.9], [9.6, 8.6, 8.0, 6.9]],
)
_FAN = np.array([-5.0, 0.0, 4.5, 10.0])  # degrees between a relaxed finger and straight up
_THUMB_ROOT = np.array([21.0, 16.0, 7.0])
_THUMB_LENGTHS = np.array([45.0, 31.0, 22.0])
_THUMB_RADII = np.array([16.0, 13.0, 11.2, 9.2])


@dataclass(frozen=True)
class Proportions:
    """Proportions of one hand, as factors of the average hand.

    Args:
        size: Whole hand.
        width: Distance between knuckles, and width of the palm.
        thickness: Radii of fingers and palm.
        fingers: Lengths of index, middle, ring and pinky.
        thumb: Length of the thumb.
    """

    size: float = 1.0
    width: float = 1.0
    thickness: float = 1.0
    fingers: tuple[float, float, float, float] = field(default=(1.0, 1.0, 1.0, 1.0))
    thumb: float = 1.0


@dataclass(frozen=True)
class Skeleton:
    """Positions of the bones of one hand, in millimetres.

    Args:
        starts: (B, 3) end of each bone nearer to the wrist.
        ends: (B, 3) end nearer to the tip.
        radii: (B, 2) thickness of the flesh at both ends.
        palmar: (B, 3) unit vectors from the bone to the side of the palm (of the pad, for the thumb).
        knuckles: (4, 3) positions of the knuckles.
        knuckle_radii: (4,) thickness there.
        wrist: (3, 3) axes of the forearm: thumb's side, towards the hand, out of the palm (columns).
        proportions: Factors the bones were made with.
    """

    starts: Array
    ends: Array
    radii: Array
    palmar: Array
    knuckles: Array
    knuckle_radii: Array
    wrist: Array
    proportions: Proportions

    @property
    def keypoints(self) -> Array:
        """Wrist, then four points each of thumb, index, middle, ring and pinky: (21, 3) in millimetres."""
        chains = [
            np.vstack([self.starts[i : i + 3], self.ends[i + 2 : i + 3]]) for i in range(0, len(BONES), 3)
        ]
        return np.vstack([np.zeros((1, 3)), *chains])


def pose_array(angles: Mapping[str, float]) -> Array:
    """Turn named joint angles into a pose; joints left out are at 0 degrees.

    Args:
        angles: Joint names (see ``JOINTS``) to angles in degrees.

    Returns:
        (J,) float64, degrees, in the order of ``JOINTS``.

    Raises:
        UsageError: A name is not a joint, or an angle is outside the joint's limits.
    """
    pose = np.zeros(len(JOINTS))
    for name, angle in angles.items():
        if name not in LIMITS:
            raise UsageError(f"no joint {name!r}", f"one of {', '.join(JOINTS)}", "correct the name")
        low, high = LIMITS[name]
        if not low <= angle <= high:
            raise UsageError(
                f"{name} = {angle:g} degrees",
                f"an angle from {low:g} to {high:g}",
                "stay within the joint's limits",
            )
        pose[JOINTS.index(name)] = angle
    return pose


def within_limits(pose: Array) -> Array:
    """Return the pose (J,) with every angle, in degrees, moved to the nearest legal one."""
    bounds = np.array(list(LIMITS.values()))
    return np.clip(pose, bounds[:, 0], bounds[:, 1])


def rotation(axis: int, degrees: float) -> Array:
    """Return the (3, 3) matrix of a right-handed turn about axis 0, 1 or 2."""
    angle = np.radians(degrees)
    c, s = np.cos(angle), np.sin(angle)
    i, j = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.eye(3)
    matrix[i, i] = matrix[j, j] = c
    matrix[i, j], matrix[j, i] = -s, s
    return matrix


def place_bones(pose: Array, proportions: Proportions | None = None) -> Skeleton:
    """Forward kinematics: place every bone of a right hand for the given joint angles.

    Args:
        pose: (J,) joint angles, degrees, in the order of ``JOINTS``.
        proportions: Factors of this hand; the average hand by default.

    Returns:
        The bones, in millimetres.
    """
    p = proportions or Proportions()
    knuckles = _KNUCKLES * p.size * np.array([p.width, 1.0, 1.0])
    chains = [_thumb(pose[16:21], p)]
    chains += [_finger(i, pose[4 * i : 4 * i + 4], knuckles[i], p) for i in range(4)]
    starts, ends, palmar, radii = (np.concatenate(parts) for parts in zip(*chains, strict=True))
    flex, deviate = pose[21], pose[22]
    return Skeleton(
        starts=starts,
        ends=ends,
        radii=radii,
        palmar=palmar,
        knuckles=knuckles,
        knuckle_radii=_KNUCKLE_RADII * p.size * p.thickness,
        # The palm is the fixed frame, so bending the wrist towards the palm swings the forearm away.
        wrist=rotation(2, deviate) @ rotation(0, -flex),
        proportions=p,
    )


def _finger(i: int, angles: Array, knuckle: Array, p: Proportions) -> tuple[Array, Array, Array, Array]:
    spread, *bends = angles
    # Spreading moves index and middle finger towards the thumb, the others away from it.
    outward = -1.0 if i < 2 else 1.0
    base = rotation(2, _FAN[i] + outward * spread)
    bend = np.radians(np.cumsum(bends))
    zero = np.zeros(3)
    along = np.stack([zero, np.cos(bend), np.sin(bend)], axis=1) @ base.T  # (3, 3)
    palmar = np.stack([zero, -np.sin(bend), np.cos(bend)], axis=1) @ base.T
    steps = along * (_LENGTHS[i] * p.size * p.fingers[i])[:, None]
    return _chain(knuckle, steps, palmar, _RADII[i] * p.size * p.thickness)


def _thumb(angles: Array, p: Proportions) -> tuple[Array, Array, Array, Array]:
    abduct, palmar, roll = np.radians(angles[:3])
    along = np.array(
        [np.sin(abduct) * np.cos(palmar), np.cos(abduct) * np.cos(palmar), np.sin(palmar)],
    )
    across = -np.array([1.0, 0.0, 0.0]) + along[0] * along  # the way it bends at roll 0: to the little finger
    across /= np.linalg.norm(across)
    inward = np.cross(along, across)  # the way it bends at roll 90
    if inward[2] > 0:
        inward = -inward
    pad = np.cos(roll) * across + np.sin(roll) * inward
    bend = np.cumsum(np.radians([0.0, angles[3], angles[4]]))[:, None]
    direction = np.cos(bend) * along + np.sin(bend) * pad
    facing = np.cos(bend) * pad - np.sin(bend) * along
    steps = direction * (_THUMB_LENGTHS * p.size * p.thumb)[:, None]
    root = _THUMB_ROOT * p.size * np.array([p.width, 1.0, 1.0])
    return _chain(root, steps, facing, _THUMB_RADII * p.size * p.thickness)


def _chain(root: Array, steps: Array, palmar: Array, radii: Array) -> tuple[Array, Array, Array, Array]:
    ends = root + np.cumsum(steps, axis=0)
    starts = np.vstack([root, ends[:-1]])
    return starts, ends, palmar, np.stack([radii[:-1], radii[1:]], axis=1)
