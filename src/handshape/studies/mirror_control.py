"""Drawn pictures of which it is known whether they can be told from their mirror images."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

from handshape.data.dataset import SPLITS, SplitIndices, SplitName
from handshape.evaluation.intervals.accuracy import Interval, accuracy_interval
from handshape.models.heads import Pool
from handshape.progress import track
from handshape.studies.material import PLACES, Material
from handshape.studies.mirror_pairs import Both, tell_by_head
from handshape.synthetic import draw_image, make_signer

ARROWS: dict[SplitName, int] = {"train": 160, "valid": 40, "test": 100}
"""Drawn arrows on each side."""
LETTERS = "ABCDFGILVY"
"""Letters of the drawn hands: shapes that differ much."""
SIGNERS: dict[SplitName, int] = {"train": 8, "valid": 2, "test": 6}
"""Drawn signers on each side, all of them right-handed; each makes every letter once."""
_FINE = 4  # arrows are drawn this much larger and then shrunk, so that their edges are smooth
_BATCH = 32


@dataclass(frozen=True)
class Control:
    """What the heads make of drawn pictures.

    Args:
        known: What the right answer is: 1, or 0.5 where mirror images are of the same kind.
        accuracies: Share of the test pictures and mirror images told right, by places along each axis.
        intervals: Their 95 % intervals.
        really_left: Share of hands that were drawn as left hands, and so never mirrored, that are called
            mirror images; by places. Only where there are such hands.
    """

    known: float
    accuracies: dict[int, float]
    intervals: dict[int, Interval]
    really_left: dict[int, float]


def draw_arrow(rng: np.random.Generator, size: int, *, heads: int = 1) -> NDArray[np.uint8]:
    """Draw an arrow that points to the right, more or less; with two heads it points both ways.

    Place, length, slant, stroke and colours vary alike to the left and to the right, so that they say nothing
    about the direction.

    Args:
        rng: Random numbers.
        size: Height and width in pixels.
        heads: 1, or 2 for a shape whose mirror image is of the same kind.

    Returns:
        (size, size, 3) uint8, RGB.
    """
    fine = size * _FINE
    paper, ink = rng.integers(0, 90, 3), rng.integers(140, 255, 3)
    if rng.random() < 0.5:
        paper, ink = ink, paper
    image = Image.new("RGB", (fine, fine), tuple(paper.tolist()))
    length, stroke = rng.uniform(0.35, 0.6) * fine, rng.uniform(0.03, 0.06) * fine
    angle = np.deg2rad(rng.uniform(-30, 30))
    along = np.array([np.cos(angle), np.sin(angle)])
    middle = fine * (0.5 + rng.uniform(-0.15, 0.15, 2))
    pen = ImageDraw.Draw(image)
    ends = [middle - along * length / 2, middle + along * length / 2]
    pen.line([tuple(end) for end in ends], tuple(ink.tolist()), round(stroke))
    for end, towards in ((ends[1], along), (ends[0], -along))[:heads]:
        across = np.array([-towards[1], towards[0]])
        back = end - towards * 4 * stroke
        corners = [end + towards * stroke, back + across * 2.6 * stroke, back - across * 2.6 * stroke]
        pen.polygon([tuple(corner) for corner in corners], tuple(ink.tolist()))
    small = np.asarray(image.resize((size, size), Image.Resampling.LANCZOS), dtype=np.float64)
    noisy: NDArray[np.uint8] = (small + rng.normal(0, 6, small.shape)).clip(0, 255).astype(np.uint8)
    return noisy


def control_by_arrows(material: Material, *, heads: int) -> Control:
    """Draw arrows and see whether heads tell them from their mirror images.

    Args:
        material: The backbone; the photos are not used.
        heads: 1: can be told, the answer is 100 %. 2: cannot, the answer is 50 %.
    """
    rng = np.random.default_rng([material.seed, heads])
    size = material.backbone.preprocessing.size
    pixels = np.stack([draw_arrow(rng, size, heads=heads) for _ in range(sum(ARROWS.values()))])
    sides, groups = _sides(ARROWS), list(range(len(pixels)))
    return _control(material, pixels, sides, groups, 1.0 if heads == 1 else 0.5, None)


def control_by_hands(material: Material) -> Control:
    """Draw right hands and see whether heads tell them from their mirror images, and know real left hands.

    The light on a drawn hand comes from left and right alike, whichever hand it is. Drawn left hands are no
    mirrored pictures: what is learned of mirror images has to hold for them.

    Args:
        material: The backbone; the photos are not used.
    """
    size, count = material.backbone.preprocessing.size, sum(SIGNERS.values())
    right, left, who = [], [], []
    with track("Drawing hands", count * len(LETTERS)) as advance:
        for number in range(1, count + 1):
            signer = replace(make_signer(number, material.seed), handedness="right")
            for letter in LETTERS:
                right.append(draw_image(letter, signer, seed=material.seed, size=size).pixels)
                who.append(number)
                if number > count - SIGNERS["test"]:
                    other = replace(signer, handedness="left")
                    left.append(draw_image(letter, other, seed=material.seed + 1, size=size).pixels)
                advance(1)
    sides = _sides({side: n * len(LETTERS) for side, n in SIGNERS.items()})
    return _control(material, np.stack(right), sides, who, 1.0, np.stack(left))


def _sides(counts: dict[SplitName, int]) -> SplitIndices:
    edges = np.cumsum([0, *(counts[side] for side in SPLITS)])
    return {side: np.arange(edges[i], edges[i + 1]) for i, side in enumerate(SPLITS)}


def _control(
    material: Material,
    pixels: NDArray[np.uint8],
    sides: SplitIndices,
    groups: list[int],
    known: float,
    left: NDArray[np.uint8] | None,
) -> Control:
    kinds = {"plain": torch.from_numpy(pixels), "mirrored": torch.from_numpy(pixels).flip(2)}
    if left is not None:
        kinds["left"] = torch.from_numpy(left)
    features = {kind: _extract(material, seen) for kind, seen in kinds.items()}
    tested = [groups[i] for i in sides["test"]] * 2
    found = Control(known, {}, {}, {})
    for places in (1, PLACES):
        both = Both(features["plain"][places], features["mirrored"][places])
        correct, head = tell_by_head(both, sides)
        found.accuracies[places] = float(correct.mean())
        found.intervals[places] = accuracy_interval(correct, tested)
        if left is not None:
            with torch.inference_mode():
                told = head(features["left"][places]).argmax(dim=1)
            found.really_left[places] = float((told == 1).double().mean())
    return found


def _extract(material: Material, pixels: Tensor) -> dict[int, Tensor]:
    """Return features of (N, H, W, 3) uint8 pictures by places, averaged and rounded as in the store."""
    backbone = material.backbone.to(material.device)
    pools = {places: Pool(places, *backbone.feature_shape[1:]).to(material.device) for places in (1, PLACES)}
    parts: dict[int, list[Tensor]] = {places: [] for places in pools}
    with torch.inference_mode():
        for batch in torch.split(pixels, _BATCH):
            features = backbone(backbone.preprocessing.normalise(batch.to(material.device)))
            for places, pool in pools.items():
                parts[places].append(pool(features).cpu())
    return {places: torch.cat(rows).clone() for places, rows in parts.items()}
