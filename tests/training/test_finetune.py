from pathlib import Path
from typing import Any

import pytest
import torch
from tests.training.conftest import CPU, sides_of

from handshape.config.train import TrainConfig
from handshape.data.images.index import ImageIndex, index_images
from handshape.data.images.prepared import read_batch
from handshape.models.backbones.registry import Backbone, load_backbone
from handshape.models.backbones.weights import state_digest
from handshape.models.sign_network import BackboneClassifier
from handshape.training.fit import Fitter
from handshape.training.fit_result import FitResult


def fit(
    scan: ImageIndex, cache_dir: Path, backbone: Backbone, options: Any = None, **tuning: Any
) -> FitResult:
    settings = {
        "tuning_epochs": 2,
        "tuning_rate": 1e-3,
        "batch_size": 4,
        "pool": 2,
        **(options or {}),
        **tuning,
    }
    fitter = Fitter(scan, cache_dir, CPU, TrainConfig(data=cache_dir, **settings), backbone)
    return fitter.fit("finetune", sides_of(scan))


@pytest.mark.slow
@pytest.mark.parametrize("unfreeze", ["last", "all"])
@pytest.mark.parametrize("name", ["handnet", "squeezenet1_1"])
def test_fit__tunes_what_it_says_and_leaves_the_backbone_as_it_was(
    scan: ImageIndex, tmp_path: Path, name: str, unfreeze: Any
) -> None:
    backbone = load_backbone(name, None if name == "handnet" else "untrained")
    before = state_digest(backbone)
    fitted = fit(scan, tmp_path / "cache", backbone, unfreeze=unfreeze)
    assert state_digest(backbone) == before and not any(p.requires_grad for p in backbone.parameters())
    assert isinstance(fitted.network, BackboneClassifier) and not fitted.network.training
    assert fitted.config.model == "finetune" and fitted.config.backbone == name
    total = sum(parameter.numel() for parameter in fitted.network.parameters())
    head = sum(parameter.numel() for parameter in fitted.network.head.parameters())
    body = [p.numel() for p in backbone.parameters()]
    tuned = {
        ("handnet", "last"): sum(body[-2:]),
        ("squeezenet1_1", "last"): sum(body[-6:]),
    }.get((name, unfreeze), sum(body))
    assert fitted.parameters == {"total": total, "trained": tuned + head}
    assert [epoch.epoch for epoch in fitted.history] == [0, 1, 2]
    # Its answers are those of its network, and never worse on valid than the start.
    preprocessing, sides = fitted.config.preprocessing, sides_of(scan)
    with torch.inference_mode():
        pixels = torch.from_numpy(read_batch(scan.images, sides["test"]))
        for side, seen in (("test", pixels), ("mirrored", pixels.flip(2))):
            own = torch.softmax(fitted.network(preprocessing.normalise(seen)), dim=1)
            torch.testing.assert_close(own, torch.softmax(fitted.logits[side], dim=1), atol=1e-4, rtol=0)
    assert fitted.valid_accuracy >= fitted.history[0].valid_accuracy


def test_fit__begins_as_good_as_frozen(scan: ImageIndex, tmp_path: Path) -> None:
    backbone, sides = load_backbone("handnet"), sides_of(scan)
    settings = TrainConfig(data=tmp_path, pool=2, tuning_epochs=1, tuning_rate=1e-12)
    fitter = Fitter(scan, tmp_path / "cache", CPU, settings, backbone)
    frozen, tuned = fitter.fit("frozen", sides), fitter.fit("finetune", sides)
    assert tuned.history[0].valid_accuracy == frozen.valid_accuracy
    # Nothing was learned at such a rate: the answers are those of the frozen network.
    torch.testing.assert_close(
        torch.softmax(tuned.logits["test"], dim=1),
        torch.softmax(frozen.logits["test"], dim=1),
        atol=0.02,
        rtol=0,
    )


@pytest.mark.slow
@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_fit__with_other_heads(scan: ImageIndex, tmp_path: Path, head: Any) -> None:
    fitted = fit(scan, tmp_path / "cache", load_backbone("handnet"), {"head": head, "pool": 1})
    assert fitted.config.head is not None and fitted.config.head.kind == head
    assert fitted.valid_accuracy >= fitted.history[0].valid_accuracy


@pytest.mark.slow
@pytest.mark.parametrize("unfreeze", ["last", "all"])
def test_fit__same_seed_same_numbers(scan: ImageIndex, tmp_path: Path, unfreeze: Any) -> None:
    backbone = load_backbone("handnet")
    first, again = (fit(scan, tmp_path / "cache", backbone, unfreeze=unfreeze) for _ in range(2))
    assert torch.equal(first.logits["test"], again.logits["test"])
    assert [e.loss for e in first.history] == [e.loss for e in again.history]


@pytest.mark.slow
def test_fit__a_transformer(scan: ImageIndex, tmp_path: Path) -> None:
    photos = index_images(scan.dataset, tmp_path / "cache", size=224)
    fitted = fit(
        photos,
        tmp_path / "cache",
        load_backbone("vit_b_32", "untrained"),
        {"pool": 1, "views": 0},
        unfreeze="last",
        tuning_epochs=1,
    )
    assert [epoch.epoch for epoch in fitted.history] == [0, 1]
