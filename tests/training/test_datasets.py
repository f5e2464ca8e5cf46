import numpy as np
import pytest
import torch

from handshape.data.augment import Views
from handshape.data.images.decode import Preprocessing
from handshape.data.images.prepared import InMemoryImages, read_batch
from handshape.training import datasets
from handshape.training.datasets import AugmentedImages, FeatureRows, Labelled, NormalisedImages, RandomViews

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 4, 4, 3), dtype=np.uint8)
IMAGES = InMemoryImages(PIXELS)
PREPROCESSING = Preprocessing(4, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
STORED = np.random.default_rng(0).normal(size=(50, 3, 2, 2)).astype(np.float16)
SOME, OTHERS = np.array([4, 2, 40]), np.array([0, 49])


@pytest.mark.parametrize("mirrored", [False, True])
def test_normalised_images__mirrored_when_asked(mirrored: bool) -> None:
    inputs = NormalisedImages(IMAGES, PREPROCESSING, mirrored=mirrored)
    pixels = torch.from_numpy(PIXELS[[4, 2]])
    expected = PREPROCESSING.normalise(pixels.flip(2) if mirrored else pixels)
    assert len(inputs) == 6
    assert torch.equal(read_batch(inputs, [4, 2]), expected) and torch.equal(inputs[4], expected[0])


def test_augmented_images__another_view_in_every_epoch_and_the_same_again() -> None:
    inputs = AugmentedImages(IMAGES, [f"{n:032x}" for n in range(6)], Views(), PREPROCESSING)
    found = []
    for epoch in (1, 2, 1):
        inputs.set_epoch(epoch)
        found.append(read_batch(inputs, [3, 0]))
    assert found[0].shape == (2, 3, 4, 4)
    assert torch.equal(found[0], found[2]) and not torch.equal(found[0], found[1])


def test_feature_rows__any_rows_in_any_order() -> None:
    rows = FeatureRows((STORED, SOME), (STORED[::-1], OTHERS))
    expected = np.concatenate([STORED[SOME], STORED[::-1][OTHERS]]).astype(np.float32)
    assert (len(rows), rows.width) == (5, 12)
    for asked in ([0, 1, 2, 3, 4], [4, 0, 3], []):
        np.testing.assert_array_equal(read_batch(rows, asked).numpy(), expected[asked])
    assert torch.equal(rows.read(), torch.from_numpy(expected).flatten(1))


def test_feature_rows__blocks_are_bounded_and_cover_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "BLOCK", 2)
    rows = FeatureRows((STORED, SOME), (STORED, OTHERS))
    assert [(place.start, place.stop) for place, _ in rows.blocks()] == [(0, 2), (2, 4), (4, 5)]
    assert torch.equal(torch.cat([block for _, block in rows.blocks()]), rows.read())


def test_random_views__one_view_of_each_photo_in_every_epoch() -> None:
    views = [np.full((30, 2), number, dtype=np.float16) for number in range(3)]
    inputs, found = RandomViews(views, seed=1), []
    for epoch in (1, 2, 1):
        inputs.set_epoch(epoch)
        found.append(read_batch(inputs, range(30))[:, 0].tolist())
    assert set(found[0]) == {0, 1, 2} and found[0] == found[2] != found[1]


def test_labelled__inputs_with_their_targets() -> None:
    rows = FeatureRows(STORED)
    inputs, classes = Labelled(rows, np.arange(50))[7]
    assert torch.equal(inputs, rows[7]) and int(classes) == 7
    inputs, targets = Labelled(rows, rows).__getitems__([7, 1])
    assert torch.equal(inputs, targets)
