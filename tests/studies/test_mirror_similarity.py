from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import Subset

from handshape.data.images.decode import Preprocessing
from handshape.models.backbones.registry import Backbone
from handshape.studies.material import Material
from handshape.studies.mirror_similarity import KINDS, measure_similarity


def blind_backbone() -> Backbone:
    """A network that sees left and right alike: every kernel is its own mirror image."""
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(3, 4, 5, padding=2), nn.ReLU(), nn.Conv2d(4, 5, 3, padding=1), nn.ReLU())
    with torch.no_grad():
        for conv in (body[0], body[2]):
            assert isinstance(conv, nn.Conv2d)
            conv.weight.copy_((conv.weight + conv.weight.flip(3)) / 2)
    return Backbone("blind", body, Preprocessing(224), "made here")


def test_measure_similarity__a_network_blind_to_left_and_right(material: Material) -> None:
    found = measure_similarity(replace(material, backbone=blind_backbone()))
    assert [(a.layer, a.places) for a in found] == [
        (layer, places) for places in (1, 4) for layer in ("pixels", "1 Conv 4x224x224", "2 Conv 5x224x224")
    ]
    for alike in found:
        assert list(alike.means) == list(KINDS)
        assert all(-1.001 <= value <= 1.001 for value in alike.means.values())
        # Turned back, the map is the same as the photo's own, and averaged to one place it is anyway.
        assert alike.means["turned back"] == pytest.approx(1, abs=1e-4)
        if alike.places == 1:
            assert alike.means["mirrored"] == pytest.approx(1, abs=1e-4)
        assert alike.means["shifted"] > alike.means["other label"]
    assert min(a.means["mirrored"] for a in found if a.places == 4) < 0.99


def test_measure_similarity__handnet_is_not_blind(material: Material) -> None:
    last = measure_similarity(material)[-1]
    assert last.layer == "7 Layer 192x7x7" and last.means["turned back"] < 0.9
    assert last.means["same label"] > last.means["other label"]


def test_measure_similarity__one_photo_of_a_label_has_no_other(material: Material) -> None:
    dataset = material.survey.split.dataset
    few = [0, 12, 24]
    scan = replace(material.survey.indexed, images=Subset(material.survey.indexed.images, few))
    survey = replace(
        material.survey,
        indexed=scan,
        split=replace(material.survey.split, dataset=dataset.take(few)),
        bursts=np.arange(3),
    )
    found = measure_similarity(replace(material, survey=survey))
    assert all(np.isnan(alike.means["same label"]) for alike in found)
    assert not any(np.isnan(alike.means["other label"]) for alike in found)
