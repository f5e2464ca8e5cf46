"""Drawn arrows: pictures for which it is known whether their mirror images can be distinguished."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

from handshape.data.augment import MIRRORED, Views
from handshape.data.dataset import SPLITS, SplitIndices, SplitName
from handshape.data.images import prepared
from handshape.evaluation.intervals.accuracy import accuracy_interval
from handshape.features.extract import Extractor, features_now
from handshape.studies.mirror_images import classify_by_lda
from handshape.studies.page import PageTable, percent, percent_range
from handshape.studies.steps import GRID, StepResult, StudyData

ARROWS: dict[SplitName, int] = {"train": 160, "valid": 40, "test": 100}
"""Drawn arrows in each split."""
CONTROLS = {"arrow": "arrows", "two-headed": "two-headed arrows"}
"""What is drawn; of two-headed arrows, mirror images cannot be distinguished."""
# Arrows are drawn this much larger and then shrunk, so that their edges are smooth.
_FINE = 4


def draw_arrow(rng: np.random.Generator, size: int, *, heads: int = 1) -> NDArray[np.uint8]:
    """Draw an arrow that points roughly to the right; with two heads it points both ways.

    Place, length, slant, stroke and colours are distributed alike for left and right, so that they give no
    cue of the direction.

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


def control_by_arrows(data: StudyData, *, heads: int) -> StepResult:
    """Classify drawn arrows against their mirror images.

    Args:
        data: The backbone; the photos are not used.
        heads: 1: the best possible accuracy is 100 %. 2: it is 50 %.
    """
    rng = np.random.default_rng([data.seed, heads])
    size = data.backbone.preprocessing.size
    pixels = np.stack([draw_arrow(rng, size, heads=heads) for _ in range(sum(ARROWS.values()))])
    ends = np.cumsum([ARROWS[name] for name in SPLITS])[:-1]
    splits: SplitIndices = dict(zip(SPLITS, np.split(np.arange(len(pixels)), ends), strict=True))
    figures: dict[str, Any] = {"known": 1.0 if heads == 1 else 0.5, "accuracies": {}, "intervals": {}}
    for places in (1, GRID):
        both = torch.cat([_drawn_features(data, pixels, places, view) for view in (0, MIRRORED)])
        correct = classify_by_lda(both, splits)
        interval = accuracy_interval(correct, np.tile(splits["test"], 2).tolist())
        figures["accuracies"][str(places)] = float(correct.mean())
        figures["intervals"][str(places)] = interval.pair
    return StepResult(figures)


def _drawn_features(data: StudyData, pixels: NDArray[np.uint8], places: int, view: int) -> Tensor:
    extractor = Extractor(data.backbone, places, Views(), data.device)
    images, names = prepared.InMemoryImages(pixels), [""] * len(pixels)
    rows = features_now(extractor, images, names, view=view, folder=data.cache)
    return torch.from_numpy(rows.astype(np.float32))


def control_table(controls: Mapping[str, Mapping[str, Any]]) -> PageTable:
    """Return what `control_by_arrows` found as a table."""
    rows = [[CONTROLS[name], percent(one["known"])] for name, one in controls.items()]
    for row, one in zip(rows, controls.values(), strict=True):
        for n in ("1", "4"):
            row.append(f"{percent(one['accuracies'][n])} ({percent_range(*one['intervals'][n])})")
    columns = ["Drawn", "Best possible", "Frozen, 1 x 1 (95 %)", "Frozen, 4 x 4 (95 %)"]
    return PageTable("Accuracy, drawn pictures against their mirror images.", columns, rows)
