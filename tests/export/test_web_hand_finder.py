"""The hand finder in JavaScript beside that in Python, with networks that are easily written in both."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from handshape.inference.engine import Graph
from handshape.models.hand.hand_finder import (
    ATTEMPTS,
    EMBEDDING_WIDTH,
    HandFinder,
    HandTracker,
    Photo,
    normalise,
)
from handshape.types import HandLandmarks

from .node import in_node, packed

# What they find depends on the means of the crop's quarters, so that another crop gives another hand.
_GRAPHS = """
import { HandFinder, HandTracker, isFound, normalise, Photo, ATTEMPTS } from "./hand_finder.js";
function means(crop) {
  const side = Math.sqrt(crop.length / 3), sums = [0, 0, 0, 0];
  crop.forEach((value, index) => {
    const row = Math.floor(index / 3 / side), column = Math.floor(index / 3) % side;
    sums[2 * Number(row >= side / 2) + Number(column >= side / 2)] += value;
  });
  return sums.map((sum) => sum / (255 * crop.length / 4));
}
let calls = [];
const finder = new HandFinder({
  async palm(crop) {
    const [a, b, c, d] = means(crop);
    calls.push("palm");
    return Float32Array.of(0.4 + 0.2 * a, 0.4 + 0.2 * b, 0.2 + 0.3 * c, d - 0.5);
  },
  async hand(crop) {
    const [a, b, c, d] = means(crop);
    calls.push("hand");
    const mean = [a, b, c, d];
    const points = Float32Array.from(given.hand, (place, index) => place + 0.3 * mean[index % 4] - 0.15);
    const embedding = Float32Array.from({ length: 25 }, (_, index) => mean[index % 4]);
    return { points, presence: Math.min(1, given.gain * (a + b + c + d) / 4), right_hand: b, embedding };
  },
});
const told = (hand) => ({
  points: [...hand.points],
  presence: hand.presence,
  normalised: [...normalise(hand)],
  calls: calls.splice(0),
});
"""
_FIND = f"""{_GRAPHS}
found = [];
for (const one of given.images) found.push(told(await finder.find(image(one))));
"""
_ATTEMPT = f"""{_GRAPHS}
const photo = new Photo(image(given.images[0]));
found = [];
for (const one of ATTEMPTS) found.push(told(await finder.attempt(photo, one)));
"""
_MIRROR = f"""{_GRAPHS}
found = [];
for (const one of given.images) {{
  const {{ hand, mirrored }} = await finder.findWithMirrored(image(one));
  found.push({{ ...told(hand), mirrored: [...mirrored] }});
}}
"""
_TRACK = f"""{_GRAPHS}
const tracker = new HandTracker(finder);
found = [];
for (const one of given.images) found.push(told(await tracker.find(image(one))));
"""


@dataclass
class Stub:
    """One of the networks in Python."""

    name: str
    calls: list[str]
    hand: NDArray[np.float32]
    gain: float = 1.0

    def run(self, images: NDArray[np.uint8]) -> dict[str, Any]:
        """Find what the script finds."""
        self.calls.append(self.name)
        half = images.shape[1] // 2
        quarters = [images[0, y : y + half, x : x + half] for y in (0, half) for x in (0, half)]
        a, b, c, d = means = [float(quarter.mean()) / 255 for quarter in quarters]
        if self.name == "palm":
            row = [0.4 + 0.2 * a, 0.4 + 0.2 * b, 0.2 + 0.3 * c, d - 0.5]
            return {"palm": np.array([row], dtype=np.float32)}
        points = [
            place + 0.3 * means[index % 4] - 0.15
            for index, place in enumerate(self.hand.reshape(-1).tolist())
        ]
        return {
            "points": np.array(points, dtype=np.float32).reshape(1, 21, 3),
            "presence": np.array([min(1.0, self.gain * (a + b + c + d) / 4)]),
            "right_hand": np.array([b]),
            "embedding": np.resize(np.array(means, dtype=np.float32), (1, EMBEDDING_WIDTH)),
        }


class Both:
    """The finder in both languages."""

    def __init__(self, folder: Path, images: list[NDArray[np.uint8]], gain: float = 1.0) -> None:
        self.hand = np.random.default_rng(3).uniform(0.3, 0.7, 63).astype(np.float32)
        self.calls: list[str] = []
        palm, hand = (Stub(name, self.calls, self.hand, gain) for name in ("palm", "hand"))
        self.finder = HandFinder(cast(Graph, palm), cast(Graph, hand))
        self.images, self._folder = images, folder
        self.given = {"images": [packed(one) for one in images], "hand": self.hand.tolist(), "gain": gain}

    def run(self, script: str) -> list[dict[str, Any]]:
        """Return what the script found."""
        return cast(list[dict[str, Any]], in_node(self._folder, script, self.given))

    def check(self, told: dict[str, Any], hand: HandLandmarks) -> None:
        """Compare one hand, and which networks were run for it."""
        assert told["calls"] == self.calls
        self.calls.clear()
        assert told["presence"] == pytest.approx(hand.presence, abs=1e-6)
        assert np.allclose(told["points"], hand.points.reshape(-1), atol=1e-5)
        # A number of half precision may be rounded to its neighbour.
        assert np.allclose(told["normalised"], normalise(hand), rtol=1e-3, atol=1e-6)


def scenes(*levels: int, width: int = 900, height: int = 620) -> list[NDArray[np.uint8]]:
    """Return smooth images of some brightness."""
    y, x = np.mgrid[:height, :width]
    wave = np.stack([np.sin(x / 90 + colour) + np.cos(y / (60 + 9 * colour)) for colour in range(3)], axis=2)
    return [np.clip(level + 25 * wave, 0, 255).astype(np.uint8) for level in levels]


def test_attempts__are_those_of_python(tmp_path: Path) -> None:
    both = Both(tmp_path, scenes(120))
    found = both.run(_ATTEMPT)
    assert len(found) == len(ATTEMPTS)
    for told, attempt in zip(found, ATTEMPTS, strict=True):
        both.check(told, both.finder.attempt(Photo(both.images[0]), attempt))


def test_find__stops_at_the_first_clear_hand_and_else_takes_the_best(tmp_path: Path) -> None:
    images = [*scenes(0, 60, 200, 250), *scenes(150, width=101, height=333)]
    both = Both(tmp_path, images, gain=3.0)
    found = both.run(_FIND)
    for told, pixels in zip(found, images, strict=True):
        both.check(told, both.finder.find(pixels))
    counts = {len(told["calls"]) for told in found}
    assert min(counts) <= 4 and max(counts) >= len(ATTEMPTS) * 2


def test_find_with_mirrored__flips_the_crop_of_the_hand(tmp_path: Path) -> None:
    both = Both(tmp_path, scenes(60, 200))
    for told, pixels in zip(both.run(_MIRROR), both.images, strict=True):
        hand, mirrored = both.finder.find_with_mirrored(pixels)
        both.check(told, hand)
        assert np.allclose(told["mirrored"], mirrored, atol=1e-6)
        assert not np.allclose(mirrored, hand.embedding, atol=1e-3)


def test_tracker__follows_loses_and_looks_again(tmp_path: Path) -> None:
    levels = (10, 0, 0, 200, 205, 210, 0, 0, 220, 30, 30, 30, 220, 220)
    both = Both(tmp_path, scenes(*levels), gain=2.6)
    tracker = HandTracker(both.finder)
    found = both.run(_TRACK)
    for told, pixels in zip(found, both.images, strict=True):
        both.check(told, tracker.find(pixels))
    assert {"palm" in told["calls"] for told in found} == {True, False}
