import copy
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.utils.data import Subset

from handshape.config.train import BackboneConfig, LoopOptions
from handshape.data.images.index import Scan, scan_dataset
from handshape.data.images.prepared import read_batch
from handshape.data.io.folder import read_folder
from handshape.models.backbones.registry import load_backbone
from handshape.models.backbones.weights import state_digest
from handshape.models.network import RoomsNetwork
from handshape.recogniser import BundleConfig, Recogniser, load
from handshape.synthetic.dataset import draw_dataset
from handshape.training.datasets import FeatureRows, NormalisedImages
from handshape.training.fit import Fitter
from handshape.training.fitted import Fitted, Sides
from handshape.training.frozen import FrozenFitter
from handshape.training.predict import predict_logits

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
def scan(place: Path) -> Scan:
    return scan_dataset(read_folder(place / "drawn", signer=r"signer(\d)"), place / "store")


def sides_of(scan: Scan) -> Sides:
    who = np.array([sample.signer for sample in scan.dataset.samples])
    return {
        "train": np.flatnonzero(who == "1"),
        "valid": np.flatnonzero(who == "2"),
        "test": np.flatnonzero(who == "3"),
    }


def fit(scan: Scan, store: Path, sides: Sides | None = None) -> Fitted:
    backbone = load_backbone("handnet")
    before = state_digest(backbone)
    fitter = Fitter(
        scan, store, CPU, backbone, BackboneConfig(views=0), LoopOptions(), recipe="best", seed=0, size=224
    )
    fitted = fitter.fit("frozen", sides or sides_of(scan))
    assert state_digest(backbone) == before
    return fitted


@pytest.fixture(scope="module")
def fitted(scan: Scan, place: Path) -> Fitted:
    return fit(scan, place / "store")


def test_fit__keeps_its_word_in_a_bundle(fitted: Fitted, scan: Scan, tmp_path: Path) -> None:
    network, labels = fitted.network, len(scan.dataset.labels)
    assert isinstance(network, RoomsNetwork) and fitted.config.hands
    assert fitted.logits["test"].shape == fitted.logits["mirrored"].shape == (12, labels)
    learned = [p.numel() for head in (network.head, network.reader.head) for p in head.parameters()]
    assert fitted.parameters["trained"] == sum(learned)
    recogniser = Recogniser(network, BundleConfig(scan.dataset.labels, fitted.config))
    recogniser.save(tmp_path / "bundle", "card")
    again = load(tmp_path / "bundle")
    prepared = read_batch(scan.images, sides_of(scan)["test"])
    found = again.prepared_probabilities(prepared)
    assert np.allclose(found, recogniser.prepared_probabilities(prepared), atol=1e-6)
    assert np.array_equal(found.argmax(axis=1), fitted.logits["test"].argmax(dim=1).numpy())


def test_fit__what_the_store_says_is_what_the_network_reads(fitted: Fitted, scan: Scan) -> None:
    inputs = Subset(scan.images, sides_of(scan)["test"].tolist())
    for which in ("test", "mirrored"):
        images = NormalisedImages(inputs, fitted.config.preprocessing, mirrored=which == "mirrored")
        assert torch.equal(predict_logits(fitted.network, images), fitted.logits[which]), which


def test_fit__what_is_learned_from_is_not_judged(
    scan: Scan, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With --precision fp16, photos that are evaluated have features in float32, too.
    judged, asked = FrozenFitter.judged, set[int]()

    def spy(fitter: FrozenFitter, indices: NDArray[np.int64], *, mirrored: bool = False) -> FeatureRows:
        asked.update(indices.tolist())
        return judged(fitter, indices, mirrored=mirrored)

    monkeypatch.setattr(FrozenFitter, "judged", spy)
    fit(scan, place / "store")
    sides = sides_of(scan)
    assert asked == {*sides["valid"].tolist(), *sides["test"].tolist()}


def test_fit__reads_people_it_has_not_seen_and_their_mirror_images(fitted: Fitted, scan: Scan) -> None:
    test = sides_of(scan)["test"]
    for which in ("test", "mirrored"):
        right = fitted.logits[which].argmax(dim=1).numpy() == scan.dataset.classes[test]
        assert right.mean() > 0.8, which


def test_fit__knows_which_hands_and_labels_it_has_seen(fitted: Fitted, scan: Scan) -> None:
    network = fitted.network
    assert isinstance(network, RoomsNetwork)
    nothing = scan.dataset.labels.index("nothing")
    seen, unseen = network.reader.found.exp(), network.reader.missed.exp()
    assert float(seen[nothing]) < 0.3 and float(unseen[nothing]) > 0.7
    assert float(seen.sum() - seen[nothing]) > 2
    assert network.reader.sides.tolist() == [1, 0]


def test_fit__what_is_not_familiar_is_read_by_its_hand_alone(fitted: Fitted, scan: Scan) -> None:
    network = copy.deepcopy(fitted.network)
    assert isinstance(network, RoomsNetwork)
    network.familiar.bound.fill_(1e-6)
    images = fitted.config.preprocessing.normalise(torch.from_numpy(read_batch(scan.images, range(6))))
    with torch.inference_mode():
        own = network.head(network.pool(network.backbone(images)))
        hands, _ = network.reader.look(images)
        said = network.reader.said(hands, network.reader.head(hands), own)
        assert torch.allclose(network(images), said.log_softmax(dim=1), atol=1e-3)
        assert not torch.allclose(fitted.network(images), network(images), atol=1e-3)


def test_fit__same_seed_same_numbers(fitted: Fitted, scan: Scan, place: Path) -> None:
    assert torch.equal(fit(scan, place / "store").logits["test"], fitted.logits["test"])


def test_fit__no_photo_shows_a_hand(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for label in "AB":
        (tmp_path / "walls" / label).mkdir(parents=True)
        for signer in (1, 2, 3):
            for index in range(2):
                wall = rng.integers(0, 120, (4, 4, 3)) + (120 if label == "A" else 0)
                path = tmp_path / "walls" / label / f"signer{signer}_{index}.png"
                Image.fromarray(wall.astype(np.uint8)).resize((96, 96)).save(path)
    scan = scan_dataset(read_folder(tmp_path / "walls", signer=r"signer(\d)"), tmp_path / "store")
    fitted = fit(scan, tmp_path / "store")
    right = fitted.logits["test"].argmax(dim=1).numpy() == scan.dataset.classes[sides_of(scan)["test"]]
    assert right.all() and torch.isfinite(fitted.logits["test"]).all()


def test_fit__only_one_label_shows_hands(place: Path, tmp_path: Path) -> None:
    for label in ("B", "nothing"):
        shutil.copytree(place / "drawn" / label, tmp_path / "two" / label)
    scan = scan_dataset(read_folder(tmp_path / "two", signer=r"signer(\d)"), tmp_path / "store")
    fitted = fit(scan, tmp_path / "store")
    network = fitted.network
    assert isinstance(network, RoomsNetwork)
    assert not any(parameter.any() for parameter in network.reader.head.parameters())
    right = fitted.logits["mirrored"].argmax(dim=1).numpy() == scan.dataset.classes[sides_of(scan)["test"]]
    assert right.mean() > 0.8


def test_fit__valid_shows_no_hand(scan: Scan, place: Path) -> None:
    sides = sides_of(scan)
    nothing = scan.dataset.classes == scan.dataset.labels.index("nothing")
    sides["valid"] = sides["valid"][nothing[sides["valid"]]]
    fitted = fit(scan, place / "store", sides)
    right = fitted.logits["test"].argmax(dim=1).numpy() == scan.dataset.classes[sides["test"]]
    assert torch.isfinite(fitted.logits["test"]).all() and right.mean() > 0.8
