"""Poses of the hand: letters, small variations of them, and random poses."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import ascii_uppercase

import numpy as np

from handshape.errors import UsageError
from handshape.synthetic.skeleton import FINGERS, JOINTS, LIMITS, Array, pose_array, within_limits

ALPHABET = tuple(ascii_uppercase)
"""Labels that can be drawn; J and Z without their movement."""


@dataclass(frozen=True)
class Letter:
    """The pose of one letter.

    Args:
        name: The letter.
        pose: (J,) joint angles, degrees.
        views: Turn, tilt and roll of the hand in degrees, the most common first.
    """

    name: str
    pose: Array
    views: tuple[tuple[float, float, float], ...]


@cache
def letters() -> dict[str, Letter]:
    """Return the letters A to Z, read from ``poses.toml``."""
    table = tomllib.loads(files(__package__).joinpath("poses.toml").read_text(encoding="utf-8"))
    return {name: _letter(name, table[name]) for name in ALPHABET}


def _letter(name: str, entry: dict[str, dict[str, float]]) -> Letter:
    groups = (*FINGERS, "thumb", "wrist")
    angles = {f"{g}.{joint}": angle for g in groups for joint, angle in entry.get(g, {}).items()}
    views = tuple((float(v[0]), float(v[1]), float(v[2])) for v in list(entry["views"]))
    return Letter(name, pose_array(angles), views)


def find_letter(label: str) -> Letter:
    """Return one letter, A to Z; raises `UsageError` for others."""
    if label not in letters():
        raise UsageError(f"no drawn hand for label {label!r}", "a letter from A to Z", "use letters only")
    return letters()[label]


def vary(pose: Array, rng: np.random.Generator, degrees: float) -> Array:
    """Vary every joint, the joints of one finger together, within the limits.

    Args:
        pose: (J,) joint angles, degrees.
        rng: Random generator.
        degrees: Standard deviation of a joint.

    Returns:
        (J,) joint angles, degrees.
    """
    change = rng.normal(0.0, 0.6 * degrees, len(JOINTS))
    curl = rng.normal(0.0, 0.8 * degrees, 4)
    for finger in range(4):
        change[4 * finger] *= 0.6  # spreading varies less than bending
        change[4 * finger + 1 : 4 * finger + 4] += curl[finger]
    change[21:] = rng.normal(0.0, 1.5 * degrees, 2)
    return within_limits(pose + change)


def random_pose(rng: np.random.Generator) -> Array:
    """Return a random pose within the limits, (J,) degrees, for pretraining.

    Half of the poses combine fingers of different letters; the others bend each finger at random.
    """
    made = [letter.pose for letter in letters().values()]
    pose = made[rng.integers(len(made))].copy()
    mixed = rng.random() < 0.5
    for finger in range(4):
        joints = slice(4 * finger, 4 * finger + 4)
        if mixed:
            pose[joints] = made[rng.integers(len(made))][joints]
        else:
            knuckle, hook = rng.beta(0.6, 0.6, 2)
            pose[joints] = rng.normal(0, 6), -5 + 90 * knuckle, 108 * hook, 60 * hook
    if rng.random() < 0.4:
        low, high = np.array([LIMITS[name] for name in JOINTS[16:21]]).T
        pose[16:21] = rng.uniform(0.7 * low, 0.9 * high)
    return vary(pose, rng, 5.0)
