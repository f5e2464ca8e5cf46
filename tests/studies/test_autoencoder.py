from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from handshape.config.study import AutoencoderConfig
from handshape.data.images.prepared import InMemoryImages, read_batch
from handshape.studies.reconstructed_photos import StudyPhotos, measure_reconstruction
from handshape.studies.steps import StudyData
from handshape.training.reconstruction import TargetPhotos


def test_measure_reconstruction__of_known_errors() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (40, 64, 64, 3)).astype(np.uint8)
    photos = TargetPhotos(InMemoryImages(pixels), np.arange(40), 64)
    same = measure_reconstruction(photos, photos.__getitems__)
    assert (same.psnr, same.ssim) == pytest.approx((100, 1), abs=1e-4)

    def off(batch: np.ndarray) -> Tensor:
        wanted = read_batch(photos, batch)
        return wanted + torch.where(wanted > 0.5, -0.1, 0.1)

    assert measure_reconstruction(photos, off).psnr == pytest.approx(20, abs=1e-3)


def test_study_photos__a_part_of_each_split_and_the_signs_recognised(data: StudyData) -> None:
    photos = StudyPhotos(AutoencoderConfig(data=Path("photos"), photos=18), data)
    for name, indices in photos.splits.items():
        assert len(indices) == len(data.splits[name]) // 2 and set(indices) <= set(data.splits[name])
    tested = photos.targets("test")
    assert photos.recognised(tested.__getitems__) > 0.6
    assert photos.recognised(lambda batch: photos.mean.expand(len(batch), -1, -1, -1)) == pytest.approx(
        1 / 3, abs=0.2
    )
