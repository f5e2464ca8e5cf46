"""What all tests share: drawn photos, the real ones where they are, and no way out to a network."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

SHARED = os.environ.get("HANDSHAPE_DATA")
WEIGHTS = os.environ.get("HANDSHAPE_WEIGHTS")

# Tests run side by side; networks with a thread for each core would stand in each other's way.
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _own_store(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the user's store and weights out of the tests."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.delenv("HANDSHAPE_WEIGHTS", raising=False)


@pytest.fixture
def shared_data() -> Path:
    """The real photos."""
    if SHARED is None:
        pytest.skip("HANDSHAPE_DATA is not set")
    return Path(SHARED)


@pytest.fixture
def shared_weights(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The real pretrained weights, found as a user's would be."""
    if WEIGHTS is None:
        pytest.skip("HANDSHAPE_WEIGHTS is not set")
    monkeypatch.setenv("HANDSHAPE_WEIGHTS", WEIGHTS)
    return Path(WEIGHTS)


def draw_shape(label: int, signer: int, index: int, size: int = 64) -> Image.Image:
    """Draw a photo: the shape says the label, the colour the signer, place and noise the index."""
    rng = np.random.default_rng([label, signer, index])
    image = Image.new("RGB", (size, size), (20, 20, 20))
    left, top = (int(v) for v in rng.integers(4, size // 3, 2))
    box = (left, top, left + size // 2, top + size // 2)
    skin = (90 + 40 * (signer % 4), 70 + 25 * (signer % 5), 60)
    pen = ImageDraw.Draw(image)
    (pen.ellipse, pen.rectangle, lambda b, fill: pen.line(b, fill, 9))[label % 3](box, fill=skin)
    noise = rng.integers(0, 12, (size, size, 3))
    return Image.fromarray((np.asarray(image) + noise).clip(0, 255).astype(np.uint8))


@pytest.fixture
def make_photos(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that draws a folder of photos: ``<label>/signer<n>_<index>.png``."""

    def make(labels: str = "ABC", signers: int = 4, images: int = 3, name: str = "photos") -> Path:
        root = tmp_path / name
        for number, label in enumerate(labels):
            (root / label).mkdir(parents=True)
            for signer in range(1, signers + 1):
                for index in range(images):
                    draw_shape(number, signer, index).save(root / label / f"signer{signer}_{index}.png")
        return root

    return make


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    yield tmp_path
