import pickle
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from handshape.config.finetune import FinetuneOptions
from handshape.config.train import BackboneConfig, LoopOptions
from handshape.data.drawn import extra
from handshape.data.drawn.dataset import draw_dataset
from handshape.data.folder import read_folder
from handshape.data.scan import Scan, scan_dataset
from handshape.models.backbone import load_backbone
from handshape.models.network import RoomsNetwork
from handshape.models.weights import state_digest
from handshape.recogniser import BundleConfig, Recogniser, load
from handshape.training import rooms
from handshape.training.fit import Fitter
from handshape.training.fitted import Fitted, Sides
from handshape.training.tuning import Tuned, tune

CPU = torch.device("cpu")


@pytest.fixture
def scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scan:
    monkeypatch.setattr(extra, "SIGNERS", 8)
    monkeypatch.setattr(rooms, "_STEPS", 6)
    monkeypatch.setattr(rooms, "_FEWEST_EPOCHS", 1)
    draw_dataset(tmp_path / "drawn", "ABC", signers=3, images=3, size=96)
    return scan_dataset(read_folder(tmp_path / "drawn", signer=r"signer(\d)"), tmp_path / "store")


def sides_of(scan: Scan) -> Sides:
    who = np.array([sample.signer for sample in scan.dataset.samples])
    return {
        "train": np.flatnonzero(who == "1"),
        "valid": np.flatnonzero(who == "2"),
        "test": np.flatnonzero(who == "3"),
    }


def fit(scan: Scan, store: Path, **options: Any) -> Fitted:
    backbone = load_backbone("handnet")
    before = state_digest(backbone)
    settings = FinetuneOptions(recipe="best")
    fitter = Fitter(
        scan, store, CPU, backbone, BackboneConfig(), LoopOptions(), settings, seed=0, size=224, **options
    )
    fitted = fitter.fit("finetune", sides_of(scan))
    assert state_digest(backbone) == before
    return fitted


def test_fit__reads_familiar_photos_and_keeps_its_word_in_a_bundle(scan: Scan, tmp_path: Path) -> None:
    fitted = fit(scan, tmp_path / "store")
    network = fitted.network
    assert isinstance(network, RoomsNetwork) and not any(
        p.requires_grad for p in network.backbone.parameters()
    )
    assert fitted.config.rooms is not None and fitted.config.rooms.glance == 128
    assert fitted.logits["test"].shape == fitted.logits["mirrored"].shape == (9, 3)
    assert [epoch.epoch for epoch in fitted.history] == list(range(len(fitted.history)))
    assert fitted.parameters["trained"] < fitted.parameters["total"]
    recogniser = Recogniser(network, BundleConfig(scan.dataset.labels, fitted.config))
    recogniser.save(tmp_path / "bundle", "card")
    again = load(tmp_path / "bundle")
    prepared = scan.images.take(sides_of(scan)["test"])
    found = again.prepared_probabilities(prepared)
    assert np.allclose(found, recogniser.prepared_probabilities(prepared), atol=1e-6)
    assert np.array_equal(found.argmax(axis=1), fitted.logits["test"].argmax(dim=1).numpy())


def test_fit__the_frozen_network_counts_as_far_as_photos_are_familiar(scan: Scan, tmp_path: Path) -> None:
    network = fit(scan, tmp_path / "store").network
    assert isinstance(network, RoomsNetwork)
    noise = torch.rand(4, 3, 224, 224, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        features = network.pool(network.backbone(noise))
        share, own = network.familiar(features), network.head(features)
        both = network.weighing(share, own, network.reader(noise))
        assert torch.allclose(network(noise), both, atol=1e-5)
        assert float(share.max()) < 0.2


def test_fit__same_seed_same_numbers(scan: Scan, tmp_path: Path) -> None:
    first, again = (fit(scan, tmp_path / "store") for _ in range(2))
    assert torch.equal(first.logits["test"], again.logits["test"])


def test_fit__what_is_tuned_can_be_sent_elsewhere(scan: Scan, tmp_path: Path) -> None:
    def elsewhere(*given: Any, **named: Any) -> Tuned:
        sent: partial[Tuned] = pickle.loads(pickle.dumps(partial(tune, *given, **named)))
        return sent()

    here, there = fit(scan, tmp_path / "store"), fit(scan, tmp_path / "store", tuner=elsewhere)
    assert torch.equal(here.logits["test"], there.logits["test"])
    assert not torch.equal(here.logits["test"], torch.zeros_like(here.logits["test"]))
