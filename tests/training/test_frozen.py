from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.training.conftest import fitter, sides_of

from handshape.cache.location import open_store
from handshape.config.train import BackboneConfig
from handshape.data.dataset import SplitIndices
from handshape.data.images.index import Scan, scan_dataset
from handshape.data.io.folder import read_folder
from handshape.features.extract import features_of
from handshape.models.backbone_classifier import BackboneClassifier
from handshape.models.backbones.registry import Backbone, load_backbone
from handshape.models.backbones.weights import state_digest
from handshape.models.heads import Head
from handshape.synthetic.dataset import draw_dataset
from handshape.training.heads import feature_rows as rows


def test_fit__frozen_trains_the_head_only(scan: Scan, tmp_path: Path, backbone: Backbone) -> None:
    before = state_digest(backbone)
    fitted = fitter(scan, tmp_path / "store", backbone, pool=2).fit("frozen", sides_of(scan))
    assert isinstance(fitted.network, BackboneClassifier)
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
    assert isinstance(fitted.network, BackboneClassifier)
    head = fitted.network.head
    assert isinstance(head, Head)
    assert [tuple(p.shape) for p in head.parameters()] == [(100, 512), (100,), (3, 100), (3,)]
    pixels = torch.from_numpy(scan.images.take(sides["train"]))
    with torch.inference_mode():
        features = fitted.network.pool(backbone(backbone.preprocessing.normalise(pixels)))
        standardised = head.scaled(features)
    assert torch.allclose(standardised.mean(dim=0), torch.zeros(512), atol=2e-2)


def test_fit__views_are_made_of_training_photos_only(
    scan: Scan, tmp_path: Path, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides, seen = sides_of(scan), set()

    def watched(extractor: Any, images: Any, digests: Any, store: Any, *, view: int) -> Any:
        seen.add((view, tuple(digests)))
        return features_of(extractor, images, digests, store, view=view)

    monkeypatch.setattr("handshape.training.frozen.features_of", watched)
    fitter(scan, tmp_path / "store", backbone, pool=1, views=2).fit("frozen", sides)
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


@pytest.mark.slow
def test_fit__features_larger_than_memory_give_the_same_heads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_dataset(tmp_path / "photos", ("A", "B", "C", "D"), signers=7, images=25, size=96, workers=2)
    data = read_folder(tmp_path / "photos", signer=r"signer(\d+)_")
    scan = scan_dataset(data, open_store(tmp_path / "store"))
    signers = np.array([int(sample.signer or 0) for sample in scan.dataset.samples])
    sides: SplitIndices = {
        "train": np.flatnonzero(signers == 1),
        "valid": np.flatnonzero(signers == 2),
        "test": np.flatnonzero(signers > 2),
    }
    classes = scan.dataset.classes[sides["test"]]
    for head in ("lda", "linear"):
        found, right = [], []
        for at_once in (10**9, 0):
            monkeypatch.setattr(rows, "AT_ONCE", at_once)
            one = fitter(scan, tmp_path / "store", load_backbone("handnet"), head=head, pool=1, views=1)
            found.append(one.fit("frozen", sides, mirrored=False).logits)
            right.append(float((found[-1]["test"].argmax(dim=1).numpy() == classes).mean()))
        assert 0.3 < right[0] < 1
        assert right[1] == pytest.approx(right[0], abs=0.002)
        torch.testing.assert_close(found[1]["valid"], found[0]["valid"], rtol=0.05, atol=0.05)
