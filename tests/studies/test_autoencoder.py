from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from handshape.config.study import AutoencoderConfig
from handshape.data.images.prepared import InMemoryImages, read_batch
from handshape.studies.autoencoder import StudyPhotos, find_code_space, measure_reconstruction
from handshape.studies.steps import StudyData
from handshape.training.reconstruction import TargetPhotos


def test_measure_reconstruction__of_known_errors() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (40, 64, 64, 3)).astype(np.uint8)
    photos = TargetPhotos(InMemoryImages(pixels), np.arange(40), 64)
    mean = photos.mean()
    same = measure_reconstruction(photos, photos.__getitems__, mean)
    assert (same.psnr, same.ssim, same.detail) == pytest.approx((100, 1, 1), abs=1e-4)

    def off(batch: np.ndarray) -> Tensor:
        wanted = read_batch(photos, batch)
        return wanted + torch.where(wanted > 0.5, -0.1, 0.1)

    assert measure_reconstruction(photos, off, mean).psnr == pytest.approx(20, abs=1e-3)
    # What all photos share is no detail.
    only_mean = measure_reconstruction(photos, lambda batch: mean.expand(len(batch), -1, -1, -1), mean)
    assert only_mean.detail == pytest.approx(0, abs=1e-6)


def test_study_photos__a_part_of_each_split_and_the_signs_recognised(data: StudyData) -> None:
    photos = StudyPhotos(AutoencoderConfig(data=Path("photos"), photos=18), data)
    for name, indices in photos.splits.items():
        assert len(indices) == len(data.splits[name]) // 2 and set(indices) <= set(data.splits[name])
    tested = photos.targets("test")
    assert photos.recognised(tested.__getitems__) > 0.6
    assert photos.recognised(lambda batch: photos.mean.expand(len(batch), -1, -1, -1)) == pytest.approx(
        1 / 3, abs=0.2
    )


def test_find_code_space__components_of_known_deviation() -> None:
    torch.manual_seed(0)
    axes = torch.linalg.qr(torch.randn(60, 3))[0].T
    codes = 4 + (torch.randn(50, 3) * torch.tensor([5.0, 2.0, 0.5])) @ axes
    space = find_code_space(codes, 10)
    assert len(space.axes) == 10
    assert torch.allclose(space.axes[:3] @ axes.T @ axes, space.axes[:3], atol=1e-3)
    assert space.deviations[0] > space.deviations[1] > space.deviations[2] > 0.3
    errors = [(space.shorten(codes, width) - codes).square().mean().item() for width in (1, 2, 3)]
    assert errors[0] > errors[1] > errors[2] and errors[2] < 1e-6
    assert find_code_space(torch.randn(4, 20), 128).axes.shape == (3, 20)
