"""Finding the hand in a photo as it is, and its landmarks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handshape.inference.engine import Graph, packaged_graph
from handshape.types import HandLandmarks, HandRows

PALM, HAND = (Path(__file__).parent / name for name in ("palm.onnx", "hand.onnx"))
"""The graphs of the package; tools/convert_landmarks.py says what they take and give."""
POINTS = 21
"""The wrist and four landmarks of each finger, from the thumb to the little finger and from root to tip."""
LANDMARK_WIDTH = 3 * POINTS
"""Numbers of a hand's landmarks: x, y and depth of each."""
EMBEDDING_WIDTH = 25
"""Numbers of a hand's embedding."""
HAND_WIDTH = LANDMARK_WIDTH + EMBEDDING_WIDTH
"""Numbers by which a hand is classified."""

PALM_SIZE, CROP_SIZE = 192, 224
# The palm is looked for in the photo at this many pixels on its longer side.
LONG_SIDE = 640
# Gamma by which photos are lightened: a dark hand, or one in the dark, is found better so.
_GAMMA = 0.5
LIGHTER = [round(255 * (level / 255) ** _GAMMA) for level in range(256)] * 3
# From the palm's box to the hand's: how much larger, and how far towards the fingers, in sides of the palm's
# box. Medians over digits, studio and room of the box that the landmarks give.
PALMS, AHEAD = 2.68, 0.32
# The same from the box around the landmarks that are not at fingertips.
HANDS, FURTHER = 2.0, 0.1
# The landmarks are found again in the crop that they give themselves where that differs by more than this:
# its middle in sides, the logarithm of its side, and its rotation in radians.
SHIFTED, SCALED, ROTATED = 0.06, 0.1, 0.15
# Boxes are rounded to these shares of a pixel and of a radian. So the last bits, which differ between
# processors, runtimes and languages, seldom change the crop: the landmark network notices single levels.
BOX_GRID = 16, 1024
# How often they are found again at most: over-exposed hands need it twice.
AGAIN = 2
# Below this presence the landmarks give no better crop.
LEAST = 0.1
# An attempt with this presence is the last.
_CLEAR = 0.8
_WRIST, ROOTS = 0, (5, 9, 13, 17)
ROOTED = (0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18)

Box = tuple[float, float, float, float]
"""A rotated square: x and y of its middle, its side, and its clockwise rotation in radians."""


@dataclass(frozen=True)
class Attempt:
    """One way of looking for the palm.

    Args:
        room: Side of the square that is looked at, in longer sides of the photo; larger ones find hands that
            fill the photo.
        lighter: Whether the photo is lightened.
        rotation: Of the square, clockwise, radians.
    """

    room: float
    lighter: bool = False
    rotation: float = 0.0


ATTEMPTS = (
    Attempt(1.5, lighter=True),
    Attempt(1),
    Attempt(2.2),
    Attempt(1, lighter=True),
    Attempt(3.2, lighter=True),
    Attempt(1.5),
    Attempt(2.2, lighter=True),
    Attempt(3.2),
    Attempt(1.5, rotation=0.5),
    Attempt(1.5, rotation=-0.5),
    Attempt(1.5, rotation=math.pi),
    Attempt(2.2, lighter=True, rotation=math.pi),
)
"""The attempts in their order; the first that shows a hand clearly is the last."""
_SETTINGS = LONG_SIDE, PALMS, AHEAD, HANDS, FURTHER, SHIFTED, SCALED, ROTATED, AGAIN, _CLEAR, BOX_GRID
METHOD = repr((ATTEMPTS, *_SETTINGS))
"""How hands are found, beside the graphs; what is found in another way is cached apart."""


class HandFinder:
    """Finds the most visible hand of a photo, and its landmarks.

    Args:
        palm: Graph of the palm detector; by default that of the package.
        hand: Graph of the landmark network; by default that of the package.

    Source: MediaPipe Hands (F. Zhang and others, arXiv 2006.10214), whose networks it uses.
    """

    def __init__(self, palm: Graph | None = None, hand: Graph | None = None) -> None:
        self._palm, self._hand = palm or packaged_graph(PALM), hand or packaged_graph(HAND)

    def find(self, pixels: NDArray[np.uint8], *, attempts: int = len(ATTEMPTS)) -> HandLandmarks:
        """Find the hand in a photo.

        Args:
            pixels: (H, W, 3) uint8, RGB.
            attempts: How many at most. Each runs the palm detector once and the landmark network one to
                three times.

        Returns:
            The hand of the attempt with the greatest presence. Where there is no hand, the landmarks mean
            nothing.
        """
        return self._find(Photo(pixels), attempts)[0]

    def find_with_mirrored(self, pixels: NDArray[np.uint8]) -> tuple[HandLandmarks, NDArray[np.float32]]:
        """Return the hand in a photo, and the (25,) float32 embedding of its mirror image."""
        photo = Photo(pixels)
        hand, lighter = self._find(photo, len(ATTEMPTS))
        x, y, side, rotation = hand.box
        size = max(photo.image.size)
        crop = _cut(photo.image, _rounded((x * size, y * size, side * size, rotation)), CROP_SIZE, lighter)
        return hand, self._hand.run(images=crop[:, :, ::-1])["embedding"][0]

    def _find(self, photo: "Photo", attempts: int) -> tuple[HandLandmarks, bool]:
        """Return the hand, and whether it was found in the lightened photo."""
        best: HandLandmarks | None = None
        lighter = False
        for attempt in ATTEMPTS[:attempts]:
            found = self.attempt(photo, attempt)
            if best is None or found.presence > best.presence:
                best, lighter = found, attempt.lighter
            if best.presence >= _CLEAR:
                break
        assert best is not None  # there is one attempt at least
        return best, lighter

    def attempt(self, photo: "Photo", attempt: Attempt) -> HandLandmarks:
        """Look for the hand once: for its palm, then for its landmarks."""
        small, scale = photo.small, photo.scale
        width, height = small.size
        side = attempt.room * max(width, height)
        square = (width / 2, height / 2, side, attempt.rotation)
        crop = _cut(small, square, PALM_SIZE, attempt.lighter)
        x, y, palm, rotation = map(float, self._palm.run(images=crop)["palm"][0])
        cos, sin = math.cos(attempt.rotation), math.sin(attempt.rotation)
        right, down = (x - 0.5) * side, (y - 0.5) * side
        x, y = width / 2 + cos * right - sin * down, height / 2 + sin * right + cos * down
        palm, rotation = palm * side, rotation + attempt.rotation
        ahead = AHEAD * palm
        box = (x + ahead * math.sin(rotation), y - ahead * math.cos(rotation), PALMS * palm, rotation)
        return self.follow(photo, (box[0] * scale, box[1] * scale, box[2] * scale, rotation), attempt.lighter)

    def follow(self, photo: "Photo", box: Box, lighter: bool) -> HandLandmarks:
        """Find the landmarks of a hand in a box, in pixels of the photo, and better ones in their own box."""
        hand, better = self._landmarks(photo, box, lighter)
        for _ in range(AGAIN):
            if hand.presence < LEAST or not _differ(box, better):
                break
            box = better
            hand, better = self._landmarks(photo, box, lighter)
        return hand

    def _landmarks(self, photo: "Photo", box: Box, lighter: bool) -> tuple[HandLandmarks, Box]:
        """Return the landmarks in a box, and the box around them, both in pixels."""
        box = _rounded(box)
        found = self._hand.run(images=_cut(photo.image, box, CROP_SIZE, lighter))
        points = _put_back(found["points"][0], box)
        size = max(photo.image.size)
        hand = HandLandmarks(
            (points / size).astype(np.float32),
            float(found["presence"][0]),
            float(found["right_hand"][0]),
            (box[0] / size, box[1] / size, box[2] / size, box[3]),
            found["embedding"][0],
        )
        return hand, _around(points)


class HandTracker:
    """Finds the hand in the frames of a stream: first where it was, then, once it is lost, anywhere.

    Args:
        finder: Finds the hand.
    """

    def __init__(self, finder: HandFinder) -> None:
        self._finder, self._turn = finder, 0
        self._last: tuple[Box, bool] | None = None

    def find(self, pixels: NDArray[np.uint8]) -> HandLandmarks:
        """Find the hand in the next frame, (H, W, 3) uint8, RGB.

        While no hand is found, each frame makes the first attempt and one of the others in turn.
        """
        photo = Photo(pixels)
        size = max(photo.image.size)
        if self._last is not None:
            (x, y, side, rotation), lighter = self._last
            hand = self._finder.follow(photo, (x * size, y * size, side * size, rotation), lighter)
            if hand.found:
                return self._keep(hand, lighter)
        others = ATTEMPTS[1:]
        found: list[tuple[HandLandmarks, bool]] = []
        for attempt in (ATTEMPTS[0], others[self._turn % len(others)]):
            found.append((self._finder.attempt(photo, attempt), attempt.lighter))
            if found[-1][0].found:
                break
        self._turn += 1
        return self._keep(*max(found, key=lambda one: one[0].presence))

    def _keep(self, hand: HandLandmarks, lighter: bool) -> HandLandmarks:
        x, y, side, rotation = _around(hand.points)
        self._last = ((x, y, side, rotation), lighter) if hand.found else None
        if hand.found:
            self._turn = 0
        return hand


class Photo:
    """A photo in which a hand is looked for.

    Args:
        pixels: (H, W, 3) uint8, RGB.
    """

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self.image = Image.fromarray(pixels)
        longer = max(self.image.size)
        self.scale = max(1.0, longer / LONG_SIDE)
        """Pixels of the photo in one of the small one."""
        self.small = self.image
        if self.scale > 1:
            width, height = (max(1, round(side / self.scale)) for side in self.image.size)
            self.small = self.image.resize((width, height), Image.Resampling.BILINEAR)


def normalise(hand: HandLandmarks) -> NDArray[np.float32]:
    """Return what classifiers use of a hand.

    Returns:
        (88,) float32 with the precision of float16: x, y and depth of each landmark from the wrist, in
        lengths of the palm, a left hand mirrored, so that they do not depend on where the hand is, how
        large, and which hand it is; then the embedding; all 0 where no hand was found.
    """
    if not hand.found:
        return np.zeros(HAND_WIDTH, dtype=np.float32)
    points = hand.points - hand.points[_WRIST]
    length = max(float(np.linalg.norm(points[list(ROOTS)].mean(axis=0))), 1e-4)
    mirror = 1.0 if hand.right_hand > 0.5 else -1.0
    landmarks = points / length * np.array([mirror, 1, 1], dtype=np.float32)
    rows: NDArray[np.float32] = np.concatenate([landmarks.reshape(-1), hand.embedding])
    return rows.astype(np.float16).astype(np.float32)


def hand_rows(hands: Sequence[HandLandmarks]) -> HandRows:
    """Return what classifiers use of the hands of N photos."""
    return HandRows(
        np.stack([normalise(hand) for hand in hands]), np.array([hand.right_hand > 0.5 for hand in hands])
    )


def _cut(image: Image.Image, box: Box, size: int, lighter: bool) -> NDArray[np.uint8]:
    """Cut a rotated square out of an image; black where there is nothing to cut out.

    Returns:
        (1, size, size, 3) uint8, RGB.
    """
    x, y, side, rotation = box
    whole = int(min(side / size, *(edge / 2 for edge in image.size)))
    if whole > 1:  # pixels are averaged before they are left out
        image = image.reduce(whole)
        x, y, side = x / whole, y / whole, side / whole
    step = max(side, 1e-3) / size
    cos, sin, half = step * math.cos(rotation), step * math.sin(rotation), size / 2
    corner = (cos, -sin, x - half * (cos - sin), sin, cos, y - half * (sin + cos))
    crop = image.transform((size, size), Image.Transform.AFFINE, corner, Image.Resampling.BILINEAR)
    return np.asarray(crop.point(LIGHTER) if lighter else crop)[None]


def _put_back(points: NDArray[np.float32], box: Box) -> NDArray[np.float32]:
    """Return landmarks in shares of a square as landmarks in pixels of the photo."""
    x, y, side, rotation = box
    right, down, depth = ((points - [0.5, 0.5, 0.0]) * side).T
    cos, sin = math.cos(rotation), math.sin(rotation)
    return np.stack([x + cos * right - sin * down, y + sin * right + cos * down, depth], axis=1).astype(
        np.float32
    )


def _around(points: NDArray[np.float32]) -> Box:
    """Return the box of a hand from its (21, 3) landmarks."""
    # Fingertips move most between signers and say least of where the hand is.
    flat = points[:, :2].astype(np.float64)
    up = (flat[5] + flat[13]) / 4 + flat[9] / 2 - flat[_WRIST]
    rotation = math.atan2(up[0], -up[1])
    cos, sin = math.cos(rotation), math.sin(rotation)
    turn = np.array([[cos, -sin], [sin, cos]])
    upright = flat[list(ROOTED)] @ turn  # to the hand's right, and down towards its wrist
    low, high = upright.min(axis=0), upright.max(axis=0)
    sides = high - low
    x, y = turn @ ((low + high) / 2 - sides * [0.0, FURTHER])
    return float(x), float(y), float(HANDS * sides.max()), rotation


def _rounded(box: Box) -> Box:
    """Round a box in pixels."""
    x, y, side = (math.floor(length * BOX_GRID[0] + 0.5) / BOX_GRID[0] for length in box[:3])
    return x, y, side, math.floor(box[3] * BOX_GRID[1] + 0.5) / BOX_GRID[1]


def _differ(one: Box, other: Box) -> bool:
    """Return whether two boxes differ by so much that landmarks are found again."""
    turned = abs((other[3] - one[3] + math.pi) % (2 * math.pi) - math.pi)
    scaled = abs(math.log(max(other[2], 1e-3) / max(one[2], 1e-3)))
    shifted = math.hypot(other[0] - one[0], other[1] - one[1]) / max(one[2], 1e-3)
    return shifted > SHIFTED or scaled > SCALED or turned > ROTATED
