from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from handshape.data.images.prepared import InMemoryImages, read_batch
from handshape.training.checkpoint import Checkpoint
from handshape.training.datasets import FeatureRows
from handshape.training.loop import LoopSettings, parameter_group
from handshape.training.reconstruction import (
    TargetPhotos,
    psnr_of,
    reconstruction_loss,
    train_reconstruction,
)


def photos(size: int = 64) -> TargetPhotos:
    """Twelve plain photos of different colours."""
    colours = np.random.default_rng(0).integers(0, 255, (12, 1, 1, 3))
    pixels = np.broadcast_to(colours, (12, 64, 64, 3)).astype(np.uint8)
    return TargetPhotos(InMemoryImages(pixels), np.arange(12), size)


class Painter(nn.Module):
    """Three numbers to a plain photo."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Linear(3, 3)

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        colours: torch.Tensor = self.mix(codes)
        return colours[:, :, None, None].expand(-1, -1, 64, 64)


def test_psnr_of__known_errors() -> None:
    wanted = torch.full((3, 3, 8, 8), 0.5)
    found = wanted + torch.tensor([0.1, 0.01, 0.0]).reshape(3, 1, 1, 1)
    assert psnr_of(found, wanted).tolist() == pytest.approx([20.0, 40.0, 100.0], abs=1e-3)
    assert psnr_of(torch.full((1, 3, 8, 8), 7.0), torch.ones(1, 3, 8, 8)).item() == pytest.approx(100.0)


def test_reconstruction_loss__nothing_for_the_photo_itself() -> None:
    photo = torch.rand(2, 3, 64, 64)
    assert reconstruction_loss(photo, photo).item() == pytest.approx(0.0, abs=1e-5)
    other = torch.rand(2, 3, 64, 64)
    plain = (photo - other).abs().mean()
    assert plain < reconstruction_loss(photo, other) < plain + 0.2


def test_photos__mean_and_smaller_ones() -> None:
    wanted = photos()
    all_of_them = read_batch(wanted, range(12))
    assert torch.allclose(wanted.mean(), all_of_them.mean(dim=0), atol=1e-6)
    small = read_batch(photos(16), [3])
    assert small.shape == (1, 3, 16, 16) and torch.allclose(
        small[0, :, 0, 0], all_of_them[3, :, 0, 0], atol=1e-6
    )


def test_train_reconstruction__learns(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network, wanted, keeper = Painter(), photos(), Checkpoint(tmp_path / "state")
    data = FeatureRows(read_batch(wanted, range(12)).mean(dim=(2, 3))), wanted
    groups = [parameter_group(network.parameters(), 0.1)]
    settings = LoopSettings(epochs=6, batch_size=5, seed=3, warm_up=True, keep="last")
    history = train_reconstruction(network, groups, data, data, settings, what="Painting", keeper=keeper)
    assert [row["epoch"] for row in history] == [1, 2, 3, 4, 5, 6]
    assert history[-1]["loss"] < 0.7 * history[0]["loss"]
    assert history[-1]["valid_psnr"] > history[0]["valid_psnr"]
