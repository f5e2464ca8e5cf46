import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from handshape.data.images.prepared import InMemoryImages, read_batch
from handshape.evaluation.reconstruction import measure_reconstruction
from handshape.training.reconstruction import TargetPhotos


@pytest.fixture
def photos() -> TargetPhotos:
    pixels = np.random.default_rng(0).integers(0, 255, (40, 64, 64, 3)).astype(np.uint8)
    return TargetPhotos(InMemoryImages(pixels), np.arange(40), 64)


def test_measure_reconstruction__the_photos_themselves(photos: TargetPhotos) -> None:
    found = measure_reconstruction(photos, photos.__getitems__, photos.mean())
    assert found.psnr == pytest.approx(100) and found.ssim == pytest.approx(1, abs=1e-5)
    assert found.detail == pytest.approx(1)


def test_measure_reconstruction__a_known_error(photos: TargetPhotos) -> None:
    def off(batch: NDArray[np.int64]) -> Tensor:
        wanted = read_batch(photos, batch)
        return wanted + torch.where(wanted > 0.5, -0.1, 0.1)

    found = measure_reconstruction(photos, off, photos.mean())
    assert found.psnr == pytest.approx(20, abs=1e-3)
    assert found.psnr_low == pytest.approx(20, abs=1e-3) and found.psnr_high == pytest.approx(20, abs=1e-3)


def test_measure_reconstruction__blurred_photos_lack_fine_detail(photos: TargetPhotos) -> None:
    def blurred(batch: NDArray[np.int64]) -> Tensor:
        small = F.avg_pool2d(read_batch(photos, batch), 8)
        return F.interpolate(small, (64, 64), mode="bilinear")

    grey = torch.full((3, 64, 64), 0.5)
    found = measure_reconstruction(photos, blurred, grey)
    assert found.detail == pytest.approx(0, abs=0.02) and found.ssim < 0.3


def test_measure_reconstruction__what_all_photos_share_is_no_detail(photos: TargetPhotos) -> None:
    mean = photos.mean()
    found = measure_reconstruction(photos, lambda batch: mean.expand(len(batch), -1, -1, -1), mean)
    assert found.detail == pytest.approx(0, abs=1e-6)
