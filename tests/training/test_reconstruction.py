from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from handshape.data.images.prepared import InMemoryImages, read_batch
from handshape.training.checkpoint import Checkpoint
from handshape.training.datasets import FeatureRows
from handshape.training.reconstruction import (
    ReconstructionConfig,
    TargetPhotos,
    psnr_of,
    reconstruction_loss,
    train_reconstruction,
)


class CutError(Exception):
    """What stands for a power cut."""


class CutAfter(Checkpoint):
    def __init__(self, path: Path, states: int) -> None:
        super().__init__(path)
        self._left = states

    def save(self, state: Mapping[str, Any]) -> None:
        super().save(state)
        self._left -= 1
        if not self._left:
            raise CutError


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
        self.drop = nn.Dropout(0.1)

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        colours: torch.Tensor = self.drop(self.mix(codes))
        return colours[:, :, None, None].expand(-1, -1, 64, 64)


def train(keeper: Checkpoint) -> tuple[nn.Module, list[dict[str, float]]]:
    torch.manual_seed(0)
    network, wanted = Painter(), photos()
    codes = FeatureRows(read_batch(wanted, range(12)).mean(dim=(2, 3)))
    config = ReconstructionConfig(epochs=6, batch_size=5, learning_rates=(0.1,), seed=3)
    history = train_reconstruction(
        network,
        [network],
        (codes, wanted),
        (codes, wanted),
        config,
        device=torch.device("cpu"),
        what="Painting",
        keeper=keeper,
    )
    return network, [{key: value for key, value in row.items() if key != "seconds"} for row in history]


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
    _, history = train(Checkpoint(tmp_path / "state"))
    assert [row["epoch"] for row in history] == [1, 2, 3, 4, 5, 6]
    assert history[-1]["loss"] < 0.7 * history[0]["loss"]
    assert history[-1]["valid_psnr"] > history[0]["valid_psnr"]


@pytest.mark.parametrize("epochs", [1, 4])
def test_train_reconstruction__goes_on_to_the_very_same_weights(tmp_path: Path, epochs: int) -> None:
    whole, history = train(Checkpoint(tmp_path / "whole"))
    with pytest.raises(CutError):
        train(CutAfter(tmp_path / "cut", epochs))
    resumed, again = train(Checkpoint(tmp_path / "cut"))
    assert again == history
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name])
