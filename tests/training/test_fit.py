from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from handshape.config.train import BackboneConfig, LoopOptions
from handshape.data.folder import read_folder
from handshape.data.scan import Scan, scan_dataset
from handshape.models.backbone import Backbone, load_backbone
from handshape.models.head import Head
from handshape.models.network import FrozenNetwork
from handshape.models.weights import state_digest
from handshape.training.fit import Fitter, Sides

CPU = torch.device("cpu")


@pytest.fixture
def backbone() -> Backbone:
    return load_backbone("squeezenet1_1", "untrained")


@pytest.fixture
def scan(make_photos: Any, tmp_path: Path) -> Scan:
    return scan_dataset(read_folder(make_photos("ABC", signers=3, images=2)), tmp_path / "store")


def sides_of(scan: Scan) -> Sides:
    # Of each label the six photos of signers 1, 1, 2, 2, 3, 3.
    position = np.arange(len(scan.dataset)) % 6
    train, valid, test = (
        np.flatnonzero(position < 3),
        np.flatnonzero(position == 3),
        np.flatnonzero(position > 3),
    )
    return {"train": train, "valid": valid, "test": test}


def fitter(scan: Scan, store: Path, backbone: Backbone | None, seed: int = 0, **options: Any) -> Fitter:
    loop = LoopOptions(epochs=2, batch_size=4)
    return Fitter(scan, store, CPU, backbone, BackboneConfig(**options), loop, seed=seed, size=224)


def normalised(scan: Scan, network: Any, preprocessing: Any, indices: Any) -> torch.Tensor:
    with torch.inference_mode():
        logits: torch.Tensor = network(preprocessing.normalise(torch.from_numpy(scan.images.take(indices))))
    return logits


@pytest.mark.parametrize(
    "model, options",
    [
        ("cnn", {}),
        ("frozen", {"head": "lda", "pool": 2}),
        ("frozen", {"head": "lda", "pool": 0}),
        ("frozen", {"head": "linear", "pool": 2}),
        ("frozen", {"head": "mlp", "pool": 1}),
        ("frozen", {"head": "mlp", "pool": 2, "views": 1}),
    ],
)
def test_fit__its_logits_are_those_of_its_network(
    scan: Scan, tmp_path: Path, backbone: Backbone, model: Any, options: dict[str, Any]
) -> None:
    sides = sides_of(scan)
    fitted = fitter(scan, tmp_path / "store", backbone, **options).fit(model, sides)
    assert fitted.name == model and not fitted.network.training
    again = normalised(scan, fitted.network, fitted.config.preprocessing, sides["test"])
    assert fitted.logits["test"].shape == (6, 3)
    own, through = (torch.softmax(logits, dim=1) for logits in (again, fitted.logits["test"]))
    assert torch.allclose(own, through, atol=1e-4)
    classes = scan.dataset.classes[sides["valid"]]
    assert fitted.valid_accuracy == (fitted.logits["valid"].argmax(dim=1).numpy() == classes).mean()


def test_fit__cnn_counts_its_parameters(scan: Scan, tmp_path: Path) -> None:
    fitted = fitter(scan, tmp_path / "store", None).fit("cnn", sides_of(scan))
    convolutions = sum(
        9 * before * after + 3 * after for before, after in ((3, 4), (4, 8), (8, 16), (16, 32))
    )
    count = convolutions + (32 * 14 * 14 + 1) * 100 + 101 * 3
    assert fitted.parameters == {"total": count, "trained": count}
    assert len(fitted.history) == 2
    assert fitted.seconds["features"] == 0
    assert fitted.seconds["total"] == pytest.approx(fitted.seconds["train"] + fitted.seconds["features"])


def test_fit__frozen_trains_the_head_only(scan: Scan, tmp_path: Path, backbone: Backbone) -> None:
    before = state_digest(backbone)
    fitted = fitter(scan, tmp_path / "store", backbone, pool=2).fit("frozen", sides_of(scan))
    assert isinstance(fitted.network, FrozenNetwork)
    assert state_digest(fitted.network.backbone) == before
    body = sum(parameter.numel() for parameter in backbone.parameters())
    head = (512 * 2 * 2 + 1) * 3
    assert fitted.parameters == {"total": body + head, "trained": head}
    assert not any(parameter.requires_grad for parameter in fitted.network.backbone.parameters())


def test_fit__mlp_is_the_lesson_s_and_standardised_by_train(
    scan: Scan, tmp_path: Path, backbone: Backbone
) -> None:
    sides = sides_of(scan)
    fitted = fitter(scan, tmp_path / "store", backbone, head="mlp", pool=1).fit("frozen", sides)
    assert isinstance(fitted.network, FrozenNetwork)
    head = fitted.network.head
    assert isinstance(head, Head)
    assert [tuple(p.shape) for p in head.parameters()] == [(100, 512), (100,), (3, 100), (3,)]
    pixels = torch.from_numpy(scan.images.take(sides["train"]))
    with torch.inference_mode():
        features = fitted.network.pool(backbone(backbone.preprocessing.normalise(pixels)))
        standardised = head.scaled(features)
    assert torch.allclose(standardised.mean(dim=0), torch.zeros(512), atol=2e-2)


@pytest.mark.parametrize("model", ["cnn", "frozen"])
def test_fit__same_seed_same_numbers(scan: Scan, tmp_path: Path, backbone: Backbone, model: Any) -> None:
    def run(seed: int) -> torch.Tensor:
        options = {"head": "mlp", "pool": 1}
        fitted = fitter(scan, tmp_path / "store", backbone, seed, **options).fit(model, sides_of(scan))
        return fitted.logits["test"]

    first, again, other = run(1), run(1), run(2)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_fit__views_are_made_of_training_photos_only(scan: Scan, tmp_path: Path, backbone: Backbone) -> None:
    sides, seen = sides_of(scan), []

    class Watched(Fitter):
        def _extracted(self, indices: Any, view: int) -> Any:
            seen.append((view, tuple(indices.tolist())))
            return super()._extracted(indices, view)

    options = BackboneConfig(pool=1, views=2)
    loop = LoopOptions(epochs=1)
    Watched(scan, tmp_path / "store", CPU, backbone, options, loop, seed=0, size=224).fit("frozen", sides)
    augmented = {indices for view, indices in seen if view > 0}
    assert augmented == {tuple(sides["train"].tolist())}
    assert {view for view, _ in seen if view > 0} == {1, 2}


def test_fit__mirrored_logits_are_of_the_mirrored_test_photos(
    scan: Scan, tmp_path: Path, backbone: Backbone
) -> None:
    sides = sides_of(scan)
    for model in ("cnn", "frozen"):
        fitted = fitter(scan, tmp_path / "store", backbone, pool=2).fit(model, sides)
        flipped = torch.from_numpy(scan.images.take(sides["test"])).flip(2)
        with torch.inference_mode():
            own = fitted.network(fitted.config.preprocessing.normalise(flipped))
        through = fitted.logits["mirrored"]
        assert torch.allclose(torch.softmax(own, dim=1), torch.softmax(through, dim=1), atol=1e-4)


@pytest.mark.parametrize(
    ("settings", "places"),
    [
        ({}, 4),
        ({"head": "linear"}, 4),
        ({"head": "mlp"}, 6),
        ({"head": "mlp", "pool": 2}, 2),
        ({"pool": 0}, None),
    ],
)
def test_places__the_mlp_reads_what_the_lesson_s_does(settings: dict[str, Any], places: int | None) -> None:
    assert BackboneConfig(**settings).places == places
