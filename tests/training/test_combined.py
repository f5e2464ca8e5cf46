import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from handshape.bundle import BundleConfig
from handshape.config.train import TrainConfig
from handshape.data.dataset import SplitIndices
from handshape.data.images.index import ImageIndex, index_images
from handshape.data.images.prepared import read_batch
from handshape.data.io.folder import read_folder
from handshape.features.hand_landmarks import HandCache
from handshape.features.predict import predict_features
from handshape.models.backbones.registry import load_backbone
from handshape.models.backbones.weights import state_digest
from handshape.models.combined import CombinedClassifier
from handshape.models.sign_network import SignNetwork
from handshape.network_bundle import recogniser_of
from handshape.predict_indexed import predict_indexed
from handshape.recogniser import load
from handshape.synthetic.dataset import draw_dataset
from handshape.training.fit import Fitter
from handshape.training.fit_result import FitResult

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn letters of three right-handed signers, and photos of nothing at all."""
    root = tmp_path_factory.mktemp("rooms")
    draw_dataset(root / "drawn", "BLY", signers=3, images=3, size=128)
    rng = np.random.default_rng(0)
    (root / "drawn" / "nothing").mkdir()
    for signer in (1, 2, 3):
        for index in range(3):
            wall = rng.integers(0, 255, (4, 4, 3)).astype(np.uint8)
            name = f"signer{signer}_{index}.png"
            Image.fromarray(wall).resize((128, 128)).save(root / "drawn" / "nothing" / name)
    return root


@pytest.fixture(scope="module")
def scan(place: Path) -> ImageIndex:
    return index_images(read_folder(place / "drawn", signer=r"signer(\d)"), place / "cache")


def splits_of(scan: ImageIndex) -> SplitIndices:
    who = np.array([sample.signer for sample in scan.dataset.samples])
    return {
        "train": np.flatnonzero(who == "1"),
        "valid": np.flatnonzero(who == "2"),
        "test": np.flatnonzero(who == "3"),
    }


def fit(scan: ImageIndex, cache_dir: Path, splits: SplitIndices | None = None) -> FitResult:
    backbone = load_backbone("handnet")
    before = state_digest(backbone)
    fitter = Fitter(scan, cache_dir, CPU, TrainConfig(data=cache_dir, views=0), backbone)
    fitted = fitter.fit("combined", splits or splits_of(scan))
    assert state_digest(backbone) == before
    return fitted


@pytest.fixture(scope="module")
def fitted(scan: ImageIndex, place: Path) -> FitResult:
    return fit(scan, place / "cache")


@pytest.mark.slow
def test_fit__a_bundle_predicts_the_same(
    fitted: FitResult, scan: ImageIndex, place: Path, tmp_path: Path
) -> None:
    network, labels = fitted.network, len(scan.dataset.labels)
    assert isinstance(network, CombinedClassifier) and fitted.name == "combined"
    assert fitted.logits["test"].shape == fitted.logits["mirrored"].shape == (12, labels)
    heads = network.image.head, network.landmarks.pose
    assert fitted.parameters["trained"] == sum(p.numel() for head in heads for p in head.parameters())
    recogniser = recogniser_of(network, BundleConfig(scan.dataset.labels, fitted.config), place / "cache")
    recogniser.save(tmp_path / "bundle", "card")
    again, test = load(tmp_path / "bundle"), splits_of(scan)["test"]
    photos = [scan.dataset.samples[i].path for i in test]
    found = again.predict_proba(photos)
    assert np.allclose(found, recogniser.predict_proba(photos), atol=1e-6)
    for which in ("test", "mirrored"):
        hands = HandCache(place / "cache").rows(scan.digests, [one.path for one in scan.dataset.samples])
        indexed = predict_indexed(again, scan, test, hands, mirrored=which == "mirrored")
        assert np.allclose(indexed, fitted.logits[which].softmax(dim=1).numpy(), atol=1e-4), which
        if which == "test":
            assert np.allclose(indexed, found, atol=1e-4)


def test_fit__classifies_new_people_and_their_mirror_images(fitted: FitResult, scan: ImageIndex) -> None:
    test = splits_of(scan)["test"]
    for which in ("test", "mirrored"):
        right = fitted.logits[which].argmax(dim=1).numpy() == scan.dataset.classes[test]
        assert right.mean() > 0.8, which


def test_fit__which_hands_and_labels_were_in_training(fitted: FitResult, scan: ImageIndex) -> None:
    network = fitted.network
    assert isinstance(network, CombinedClassifier)
    nothing = scan.dataset.labels.index("nothing")
    found, missed = network.landmarks.log_found.exp(), network.landmarks.log_missed.exp()
    assert float(found[nothing]) < 0.3 and float(missed[nothing]) > 0.7
    assert float(found.sum() - found[nothing]) > 2
    assert network.trained_hands.tolist() == [1, 0]


def test_fit__out_of_distribution_photos_are_classified_by_landmarks(
    fitted: FitResult, scan: ImageIndex, place: Path
) -> None:
    both, network = (copy.deepcopy(fitted.network) for _ in range(2))
    assert isinstance(network, CombinedClassifier) and isinstance(both, CombinedClassifier)
    both.image_weight.fill_(0.5)
    network.image_weight.fill_(0.5)
    network.in_distribution.bound.fill_(1e-6)
    hands = HandCache(place / "cache").rows(scan.digests, [one.path for one in scan.dataset.samples])
    six, prepared = hands.take(np.arange(6)), read_batch(scan.images, np.arange(6))

    def logits(of: SignNetwork) -> torch.Tensor:
        return predict_features(of, fitted.config.preprocessing, prepared, six)

    by_image = logits(network.image).log_softmax(dim=1)
    with torch.inference_mode():
        by_landmarks = network.landmarks.classify(torch.from_numpy(six.rows), by_image)
    assert torch.allclose(logits(network), by_landmarks.log_softmax(dim=1), atol=1e-3)
    assert not torch.allclose(logits(both), logits(network), atol=1e-3)


def test_fit__no_photo_shows_a_hand(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for label in "AB":
        (tmp_path / "walls" / label).mkdir(parents=True)
        for signer in (1, 2, 3):
            for index in range(2):
                wall = rng.integers(0, 120, (4, 4, 3)) + (120 if label == "A" else 0)
                path = tmp_path / "walls" / label / f"signer{signer}_{index}.png"
                Image.fromarray(wall.astype(np.uint8)).resize((96, 96)).save(path)
    scan = index_images(read_folder(tmp_path / "walls", signer=r"signer(\d)"), tmp_path / "cache")
    fitted = fit(scan, tmp_path / "cache")
    right = fitted.logits["test"].argmax(dim=1).numpy() == scan.dataset.classes[splits_of(scan)["test"]]
    assert right.all() and torch.isfinite(fitted.logits["test"]).all()


def test_fit__no_hand_in_validation(scan: ImageIndex, place: Path) -> None:
    splits = splits_of(scan)
    nothing = scan.dataset.classes == scan.dataset.labels.index("nothing")
    splits["valid"] = splits["valid"][nothing[splits["valid"]]]
    fitted = fit(scan, place / "cache", splits)
    right = fitted.logits["test"].argmax(dim=1).numpy() == scan.dataset.classes[splits["test"]]
    assert torch.isfinite(fitted.logits["test"]).all() and right.mean() > 0.8
