import numpy as np
import pytest
import torch

from handshape.data.images.decode import Preprocessing
from handshape.data.images.prepared import HeldImages
from handshape.training.inputs import ChosenImages, FeatureInputs, ImageInputs

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 4, 4, 3), dtype=np.uint8)
HELD = HeldImages(PIXELS, np.arange(6))


def test_chosen_images__are_numbered_anew() -> None:
    chosen = ChosenImages(HELD, np.array([5, 1, 3]))
    assert len(chosen) == 3
    assert np.array_equal(chosen.take([2, 0]), PIXELS[[3, 5]])


@pytest.mark.parametrize("mirrored", [False, True])
def test_image_inputs__are_normalised_and_turned_round_when_asked(mirrored: bool) -> None:
    preprocessing = Preprocessing(4, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
    inputs = ImageInputs(HELD, preprocessing, mirrored=mirrored)
    pixels = torch.from_numpy(PIXELS[[4, 2]])
    expected = preprocessing.normalise(pixels.flip(2) if mirrored else pixels)
    assert len(inputs) == 6
    assert torch.equal(inputs.take(np.array([4, 2])), expected)


def test_feature_inputs__are_rows_of_one_tensor() -> None:
    features = torch.arange(24.0).reshape(6, 2, 2, 1)
    inputs = FeatureInputs(features)
    assert len(inputs) == 6
    assert torch.equal(inputs.take(np.array([5, 0])), features[[5, 0]])
