from pathlib import Path
from typing import Any

import pytest
import torch
from tests.training.conftest import fitter, sides_of

from handshape.config.train import BackboneConfig
from handshape.data.images.index import ImageIndex
from handshape.data.images.prepared import read_batch
from handshape.features.extract import features_of
from handshape.models.backbones.registry import Backbone
from handshape.models.backbones.weights import state_digest
from handshape.models.heads import Head
from handshape.models.sign_network import BackboneClassifier


def test_fit__frozen_trains_the_head_only(scan: ImageIndex, tmp_path: Path, backbone: Backbone) -> None:
    before = state_digest(backbone)
    fitted = fitter(scan, tmp_path / "cache", backbone, pool=2).fit("frozen", sides_of(scan))
    assert isinstance(fitted.network, BackboneClassifier)
    assert state_digest(fitted.network.backbone) == before
    body = sum(parameter.numel() for parameter in backbone.parameters())
    head = (512 * 2 * 2 + 1) * 3
    assert fitted.parameters == {"total": body + head, "trained": head}
    assert not any(parameter.requires_grad for parameter in fitted.network.backbone.parameters())


def test_fit__mlp_is_the_lesson_s_and_standardised_by_train(
    scan: ImageIndex, tmp_path: Path, backbone: Backbone
) -> None:
    sides = sides_of(scan)
    fitted = fitter(scan, tmp_path / "cache", backbone, head="mlp", pool=1).fit("frozen", sides)
    assert isinstance(fitted.network, BackboneClassifier)
    head = fitted.network.head
    assert isinstance(head, Head)
    assert [tuple(p.shape) for p in head.parameters()] == [(100, 512), (100,), (3, 100), (3,)]
    pixels = torch.from_numpy(read_batch(scan.images, sides["train"]))
    with torch.inference_mode():
        features = fitted.network.pool(backbone(backbone.preprocessing.normalise(pixels)))
        standardised = head.scaled(features)
    assert torch.allclose(standardised.mean(dim=0), torch.zeros(512), atol=2e-2)


def test_fit__views_are_made_of_training_photos_only(
    scan: ImageIndex, tmp_path: Path, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides, seen = sides_of(scan), set()

    def watched(extractor: Any, images: Any, digests: Any, cache_dir: Any, *, view: int) -> Any:
        seen.add((view, tuple(digests)))
        return features_of(extractor, images, digests, cache_dir, view=view)

    monkeypatch.setattr("handshape.training.frozen.features_of", watched)
    fitter(scan, tmp_path / "cache", backbone, pool=1, views=2).fit("frozen", sides)
    train = tuple(scan.digests[i] for i in sides["train"])
    assert {found for found in seen if found[0] > 0} == {(1, train), (2, train)}


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
