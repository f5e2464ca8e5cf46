"""Drawn photos for the data check: a scene of shapes that can be moved, and the facts of many."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from handshape.data.dataset import Dataset, Sample
from handshape.data.images.decode import read_image
from handshape.data.images.image_stats import ImageStats, image_stats

Scene = Callable[..., Image.Image]


@pytest.fixture
def draw_scene() -> Scene:
    """Return a function that draws shapes on a lit wall; one seed is one scene."""

    def draw(seed: int, size: int = 160, moved: float = 0.0) -> Image.Image:
        rng = np.random.default_rng([41, seed])
        wall, slope = rng.uniform(60, 200, 3), rng.uniform(-60, 60, (2, 3))
        place = np.linspace(-0.5, 0.5, size)
        pixels = wall + place[:, None, None] * slope[0] + place[None, :, None] * slope[1]
        image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
        pen = ImageDraw.Draw(image)
        for _ in range(9):
            x, y = rng.uniform(-0.1, 0.9, 2) * size + moved
            wide, high = rng.uniform(0.1, 0.4, 2) * size
            colour = tuple(int(level) for level in rng.integers(0, 256, 3))
            (pen.ellipse if rng.random() < 0.5 else pen.rectangle)((x, y, x + wide, y + high), fill=colour)
        soft = np.asarray(image.filter(ImageFilter.GaussianBlur(0.5)), dtype=np.float64)
        return Image.fromarray((soft + rng.normal(0, 3, soft.shape)).clip(0, 255).astype(np.uint8))

    return draw


@pytest.fixture
def facts_of() -> Callable[[Image.Image], ImageStats]:
    """Return a function that measures a drawn photo."""
    return lambda image: image_stats(np.asarray(image.convert("RGB")), image.mode)


@pytest.fixture
def make_dataset() -> Callable[..., Dataset]:
    """Return a function that makes a data set of labels, signers and sources, one of each per sample."""

    def make(
        labels: Sequence[str],
        signers: Sequence[str | None] | None = None,
        sources: Sequence[str | None] | None = None,
    ) -> Dataset:
        people, places = (given or [None] * len(labels) for given in (signers, sources))
        samples = tuple(
            Sample(Path(f"{label}/{i}.jpg"), f"{label}/{i}.jpg", label, person, source=place)
            for i, (label, person, place) in enumerate(zip(labels, people, places, strict=True))
        )
        return Dataset(Path(), samples, tuple(sorted(set(labels))))

    return make


@pytest.fixture(scope="session")
def studio_facts() -> tuple[list[str], list[ImageStats]]:
    """Names and facts of the shared studio photos of A to F."""
    return _shared("studio", "ABCDEF")


@pytest.fixture(scope="session")
def webcam_facts() -> tuple[list[str], list[ImageStats]]:
    """Names and facts of the shared webcam photos of A to C."""
    return _shared("webcam", "ABC")


def _shared(name: str, labels: str) -> tuple[list[str], list[ImageStats]]:
    root = os.environ.get("HANDSHAPE_DATA")
    if root is None:
        pytest.skip("HANDSHAPE_DATA is not set")
    files = [file for label in labels for file in sorted((Path(root) / name / label).iterdir())]
    names = [f"{file.parent.name}/{file.name}" for file in files]
    return names, [image_stats(read_image(file), "RGB") for file in files]
