"""One synthetic image of a hand, with its ground truth."""

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from handshape.synthetic.light import find_creases, find_normals, find_shadows, shade
from handshape.synthetic.poses import find_letter, random_pose, vary
from handshape.synthetic.render import NOTHING, Surface, View, render_surface
from handshape.synthetic.scene import Style, make_background, make_light, photograph
from handshape.synthetic.signer import Signer
from handshape.synthetic.skeleton import JOINTS, Array, Skeleton, place_bones, rotation, within_limits
from handshape.synthetic.skin import paint
from handshape.synthetic.solids import FOREARM, PALM, Solids, build_solids

SMALLEST = 48
"""Smallest picture, pixels: below it fingers are thinner than two pixels."""

_MARGIN = 2.0  # pixels between hand and frame
_STUMP = 40.0  # millimetres of forearm beyond the cut, so that its round end is cut off
_NEAREST = 50.0  # how far the arm may reach from the wrist towards the viewer, millimetres
_NO_LABEL = "-"


@dataclass(frozen=True)
class Truth:
    """Ground truth of a synthetic image.

    Args:
        label: The letter; ``-`` for another pose.
        signer: Number of the signer.
        handedness: The hand that signs.
        style: Kind of background.
        tone: Tone on the Monk scale.
        pose: (J,) joint angles, degrees, in the order of ``JOINTS``.
        view: Turn, tilt and roll of the hand, degrees.
        box: x0, y0, x1, y1 around the visible hand without the forearm, pixels, x1 and y1 exclusive.
        keypoints: (21, 2) x and y of wrist and finger joints, pixels, hidden ones too.
    """

    label: str
    signer: int
    handedness: str
    style: str
    tone: int
    pose: Array
    view: tuple[float, float, float]
    box: tuple[int, int, int, int]
    keypoints: Array


@dataclass(frozen=True)
class DrawnImage:
    """A synthetic image.

    Args:
        pixels: (H, W, 3) uint8, sRGB.
        mask: (H, W) bool, the visible hand without the forearm.
        truth: Its ground truth.
    """

    pixels: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    truth: Truth


def draw_image(
    subject: str | Array | None,
    signer: Signer,
    *,
    seed: int = 0,
    index: int = 0,
    size: int = 224,
    style: Style = "studio",
    view: tuple[float, float, float] | None = None,
    variation: float = 1.0,
) -> DrawnImage:
    """Draw one image; the same arguments give the same bytes.

    Args:
        subject: A letter, a pose of (J,) degrees, or ``None`` for a random pose that is not a letter.
        signer: The person.
        seed: Seed of the data set.
        index: Number of the image among those of this signer and subject.
        size: Height and width, pixels.
        style: Kind of background.
        view: Mean turn, tilt and roll in degrees; by default the letter's.
        variation: Amount of variation of joints, view and position; 0 for none, 1 for a data set.

    Raises:
        UsageError: The label is not a letter.
    """
    label = subject if isinstance(subject, str) else _NO_LABEL
    rng = np.random.default_rng([seed, signer.number, zlib.crc32(label.encode()), index])
    pose, angles = _choose_pose(subject, signer, view, variation, rng)
    cut = rng.uniform(14.0, 45.0) if style == "studio" and rng.random() < 0.75 else None
    bones = place_bones(pose, signer.proportions)
    turn = rotation(2, angles[2]) @ rotation(0, angles[1]) @ rotation(1, angles[0])
    solids = _cover(bones, signer, turn, cut)
    frame = _frame(solids, turn, signer, size, style, variation, rng)
    surface = render_surface(solids, frame, size)
    if cut is not None:
        _cut_arm(surface, cut / (cut + _STUMP), rng)
    pixels = _expose(surface, signer, frame.scale, size, style, rng)
    truth = Truth(
        label=label,
        signer=signer.number,
        handedness=signer.handedness,
        style=style,
        tone=signer.tone,
        pose=pose,
        view=angles,
        box=find_box(surface.mask),
        keypoints=_keypoints(bones, frame),
    )
    return DrawnImage(pixels, surface.mask, truth)


def find_box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Return x0, y0, x1, y1 around the true pixels of a mask (H, W), x1 and y1 exclusive; zeros if none."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return 0, 0, 0, 0
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _choose_pose(
    subject: str | Array | None,
    signer: Signer,
    view: tuple[float, float, float] | None,
    variation: float,
    rng: np.random.Generator,
) -> tuple[Array, tuple[float, float, float]]:
    """Choose the joint angles and the view."""
    if isinstance(subject, str):
        letter = find_letter(subject)
        accent = variation * signer.accent(letter.name, len(JOINTS))
        pose = vary(within_limits(letter.pose + accent), rng, 4.0 * variation)
        # The first view of a letter is the most common one.
        other = int(rng.integers(len(letter.views))) if rng.random() < 0.5 * variation else 0
        view = view or letter.views[other]
        spread = np.array([12.0, 9.0, 9.0])
    else:
        pose = random_pose(rng) if subject is None else within_limits(np.asarray(subject, dtype=np.float64))
        view = view or (float(rng.normal(0, 60)), 0.0, float(rng.normal(0, 30)))
        spread = np.array([20.0, 15.0, 15.0])
    angles = np.array(view) + variation * spread * rng.standard_normal(3).clip(-2.5, 2.5)
    return pose, (float(angles[0]), float(angles[1]), float(angles[2]))


def _cover(bones: Skeleton, signer: Signer, turn: Array, cut: float | None) -> Solids:
    """Add flesh to the bones; an arm that points at the viewer is cut off before it hides the hand."""
    towards = float((turn @ -bones.wrist[:, 1])[2])
    arm = 330.0 if cut is None else cut + _STUMP
    sleeve = signer.sleeve if cut is None and towards < 0.5 else None
    return build_solids(bones, min(arm, _NEAREST / max(towards, 1e-3)) if cut is None else arm, sleeve)


def _frame(
    solids: Solids,
    turn: Array,
    signer: Signer,
    size: int,
    style: Style,
    variation: float,
    rng: np.random.Generator,
) -> View:
    """Choose distance, size and position so that the whole hand is inside the image."""
    mirror = signer.handedness == "left"
    distance = float(np.exp(rng.uniform(np.log(380.0), np.log(1500.0))))
    plain = View(turn, mirror, distance, 1.0, (0.0, 0.0))
    low, high = _extent(solids, plain)
    largest, smallest = (0.97, 0.72) if style == "studio" else (0.92, 0.38)
    share = largest - variation * rng.uniform(0.0, largest - smallest)
    room = size - 2 * _MARGIN
    scale = share * room / float((high - low).max())
    spare = room - scale * (high - low)
    spot = 0.5 + variation * (rng.random(2) - 0.5)
    centre = _MARGIN + spot * spare - scale * low
    return View(turn, mirror, distance, scale, (float(centre[0]), float(centre[1])))


def _extent(solids: Solids, view: View) -> tuple[Array, Array]:
    hand = solids.parts <= PALM
    starts, near_a = view.project(solids.starts[hand])
    ends, near_b = view.project(solids.ends[hand])
    centres = np.vstack([starts, ends])[:, :2]
    radii = np.concatenate([solids.radii[hand, 0] * near_a, solids.radii[hand, 1] * near_b])[:, None]
    return (centres - radii).min(axis=0), (centres + radii).max(axis=0)


def _cut_arm(surface: Surface, share: float, rng: np.random.Generator) -> None:
    """Cut the forearm off along a slanting line, as in images that were cut out by hand."""
    rows, columns = np.nonzero(surface.part == FOREARM)
    axis = surface.axes[FOREARM][:2]
    slant = np.array([-axis[1], axis[0]]) * rng.normal(0.0, 0.25)
    along = (columns - surface.origins[FOREARM, 0]) * (axis + slant)[0]
    along = along + (rows - surface.origins[FOREARM, 1]) * (axis + slant)[1]
    gone = along > share * float(axis @ axis)
    surface.part[rows[gone], columns[gone]] = NOTHING


def _expose(
    surface: Surface, signer: Signer, scale: float, size: int, style: Style, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Colour and light the surface and put it before a background."""
    image = make_background(style, size, rng)
    light = make_light(style, image, rng)
    solid = surface.part != NOTHING
    x0, y0, x1, y1 = find_box(solid)
    window = np.s_[y0:y1, x0:x1]
    depth, inside = surface.depth[window], solid[window]
    rows, columns = np.nonzero(inside)
    normals = find_normals(depth, inside)[:, rows, columns]
    creases = find_creases(depth, inside, scale)[rows, columns]
    shadows = find_shadows(depth, light, scale)[rows, columns]
    colour = paint(surface, (rows + y0, columns + x0), normals, signer, rng)
    lit = shade(colour, normals, creases, shadows, light)
    seen = np.sqrt(
        np.clip(lit * np.float32(rng.uniform(0.8, 1.3)), 0.0, 1.0, out=lit), out=lit
    )  # as sRGB, nearly
    image[window][rows, columns] = (seen * np.float32(255.0)).astype(np.uint8).T
    return np.asarray(photograph(image, style, rng))


def _keypoints(bones: Skeleton, view: View) -> Array:
    points, _ = view.project(bones.keypoints)
    return points[:, :2]
