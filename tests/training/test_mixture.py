from pathlib import Path

import numpy as np
import pytest
import torch

from handshape.data.drawn import extra
from handshape.data.drawn.dataset import draw_dataset
from handshape.data.folder import read_folder
from handshape.data.image import Preprocessing
from handshape.data.scan import Scan, scan_dataset
from handshape.training.mixture import DRAWN, OWN, Mixer, MixtureInputs


@pytest.fixture
def scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scan:
    monkeypatch.setattr(extra, "SIGNERS", 8)
    draw_dataset(tmp_path / "drawn", "AB", signers=2, images=3, size=64)
    return scan_dataset(read_folder(tmp_path / "drawn"), tmp_path / "store", size=64)


def test_mixer__sides_share_no_drawn_signer_and_an_epoch_has_its_shares(scan: Scan, tmp_path: Path) -> None:
    mixer = Mixer(scan, tmp_path / "store", 48)
    train = mixer.mix(np.arange(0, 12, 2), judged=False)
    valid = mixer.mix(np.arange(1, 12, 2), judged=True)
    assert train.drawn is not None
    assert set(train.drawn.signers[train.of]) == set(range(1, 8)) and set(train.drawn.signers[valid.of]) == {
        8
    }
    first, second = (train.plan(np.random.default_rng(seed)) for seed in (1, 2))
    assert len(first[0]) == (OWN + DRAWN) * 6 and np.array_equal(first[1], second[1])
    assert not np.array_equal(first[0], second[0])
    photos, cut = len(train.classes), len(train.cut)
    own, drawn = first[0] < photos, first[0] >= photos + cut
    assert (~drawn).sum() == OWN * photos and drawn.sum() == DRAWN * photos
    assert np.array_equal(train.classes[first[0][own]], first[1][own])
    assert np.array_equal(train.drawn_classes[first[0][drawn] - photos - cut], first[1][drawn])


def test_mixer__labels_that_cannot_be_drawn_are_learned_from_photos_alone(tmp_path: Path) -> None:
    draw_dataset(tmp_path / "drawn", "AB", signers=2, images=2, size=64)
    for letter, word in (("A", "hello"), ("B", "thanks")):
        (tmp_path / "drawn" / letter).rename(tmp_path / "drawn" / word)
    scan = scan_dataset(read_folder(tmp_path / "drawn"), tmp_path / "store", size=64)
    mixture = Mixer(scan, tmp_path / "store", 48).mix(np.arange(8), judged=False)
    items, classes = mixture.plan(np.random.default_rng(0))
    assert mixture.drawn is None and len(items) == OWN * 8 and np.bincount(classes).tolist() == [12, 12]


def test_mixture_inputs__the_same_batch_is_the_same_picture(scan: Scan, tmp_path: Path) -> None:
    mixture = Mixer(scan, tmp_path / "store", 48).mix(np.arange(12), judged=False)
    items, _ = mixture.plan(np.random.default_rng(0))
    inputs = [MixtureInputs(mixture, items, Preprocessing(48), seed) for seed in ([0, 1], [0, 1], [0, 2])]
    batch = np.arange(0, len(items), 5)
    first, again, other = (one.take(batch) for one in inputs)
    assert first.shape == (len(batch), 3, 48, 48) and len(inputs[0]) == len(items)
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert float(first.min()) >= 0 and float(first.max()) <= 1


def test_mixture_inputs__photos_that_are_judged_stay_as_they_are(scan: Scan, tmp_path: Path) -> None:
    mixture = Mixer(scan, tmp_path / "store", 64).mix(np.arange(12), judged=True)
    items, _ = mixture.plan(np.random.default_rng(0))
    seen = MixtureInputs(mixture, items, Preprocessing(64), [0, 0], plain=True).take(np.arange(3))
    photos = torch.from_numpy(scan.images.take([0, 1, 2])).permute(0, 3, 1, 2) / 255
    assert torch.allclose(seen, photos, atol=1e-5)


def test_mixture_inputs__half_are_mirror_images_where_left_hands_are_asked_for(
    scan: Scan, tmp_path: Path
) -> None:
    mixture = Mixer(scan, tmp_path / "store", 64).mix(np.arange(12), judged=True)
    items, _ = mixture.plan(np.random.default_rng(0))
    place, some = Preprocessing(64), np.arange(12)
    plain = MixtureInputs(mixture, items, place, [0, 0], plain=True).take(some)
    seen = MixtureInputs(mixture, items, place, [0, 0], plain=True, mirror=True).take(some)
    same, other = ((seen - way).abs().amax(dim=(1, 2, 3)) < 1e-5 for way in (plain, plain.flip(3)))
    assert bool((same ^ other).all()) and 2 < int(other.sum()) < 10
