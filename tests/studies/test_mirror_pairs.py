import numpy as np
import pytest
import torch

from handshape.data.images.decode import Preprocessing
from handshape.data.images.prepared import InMemoryImages, read_batch
from handshape.studies.material import Material
from handshape.studies.mirror_pairs import (
    Both,
    PairImages,
    borders,
    figures_on_split,
    figures_over_folds,
    frozen_features,
    tell_by_head,
    thumbnails,
)


@pytest.fixture
def images() -> InMemoryImages:
    pixels = np.random.default_rng(0).integers(0, 255, (6, 56, 56, 3)).astype(np.uint8)
    return InMemoryImages(pixels)


def test_pair_images__photos_and_then_mirror_images(images: InMemoryImages) -> None:
    feed = PairImages(images, np.array([4, 1]), Preprocessing(56))
    assert len(feed) == 4
    batch = read_batch(feed, [0, 3, 2])
    expected = torch.from_numpy(read_batch(images, [4, 1, 4])).permute(0, 3, 1, 2) / 255
    assert torch.allclose(batch[0], expected[0], atol=1e-6)
    assert torch.allclose(batch[1:], expected[1:].flip(3), atol=1e-6)


def test_side__a_photo_and_its_mirror_image_together() -> None:
    both = Both(torch.arange(5.0)[:, None], -torch.arange(5.0)[:, None])
    inputs, classes = both.side(np.array([1, 3]))
    assert inputs[:, 0].tolist() == [1, 3, -1, -3] and classes.tolist() == [0, 0, 1, 1]


def test_thumbnails_and_borders__mirrored_as_the_photos_are(images: InMemoryImages) -> None:
    small, ring = thumbnails(images), borders(images)
    assert small.plain.shape == (6, 3, 8, 8) and torch.equal(small.mirrored, small.plain.flip(3))
    assert ring.plain.shape == (6, 3, 108)
    # What is inside does not matter.
    other = read_batch(images, np.arange(6)).copy()
    other[:, 4:-4, 4:-4] = 0
    assert torch.equal(borders(InMemoryImages(other)).plain, ring.plain)


def test_tell_by_head__what_can_be_told_and_what_cannot() -> None:
    rng = np.random.default_rng(0)
    sides = {"train": np.arange(60), "valid": np.arange(60, 80), "test": np.arange(80, 140)}
    plain = torch.from_numpy(rng.normal(1, 1, (140, 4)).astype(np.float32))
    correct, _ = tell_by_head(Both(plain, plain - 6), sides)  # type: ignore[arg-type]
    assert correct.shape == (120,) and correct.mean() > 0.95
    correct, _ = tell_by_head(Both(plain, plain), sides)  # type: ignore[arg-type]
    assert correct.mean() == 0.5


def test_figures__a_photo_and_its_mirror_image_are_not_independent(material: Material) -> None:
    count = len(material.sides["test"])
    correct = np.arange(2 * count) % 4 > 0
    found = figures_on_split(material, correct, 0.0)
    low, high = found["test_interval"]
    assert found["test_accuracy"] == correct.mean() and low < correct.mean() < high
    assert found["interval"].effective_photos < 2 * count


def test_figures_over_folds__every_signer_left_out_once(material: Material) -> None:
    both, seen = frozen_features(material, 1), []
    assert both.plain.shape == both.mirrored.shape == (36, 192, 1, 1)

    def tell(signer: str, sides: dict[str, np.ndarray]) -> np.ndarray:
        seen.append(signer)
        assert {material.signers[i] for i in sides["test"]} == {signer}
        assert signer not in {material.signers[i] for i in (*sides["train"], *sides["valid"])}
        return np.arange(2 * len(sides["test"])) < int(signer)

    found = figures_over_folds(material, tell)  # type: ignore[arg-type]
    assert seen == ["1", "2", "3", "4"]
    assert found["signers"] == {name: int(name) / 18 for name in seen}
    assert found["mean"] == pytest.approx(2.5 / 18)
    assert found["interval"].low <= found["mean"] <= found["interval"].high
