import dataclasses
from typing import Any

import pytest
import torch

from handshape.data.images.decode import Preprocessing
from handshape.models.backbones.registry import load_backbone
from handshape.models.build import check_features, empty_network
from handshape.models.cnn import CNN
from handshape.models.heads import Head, Pool
from handshape.models.network_config import HeadConfig, NetworkConfig
from handshape.models.sign_network import BackboneClassifier

SMALL = Preprocessing(64, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HEAD = HeadConfig("linear", pool=2)


def test_backbone_classifier__is_backbone_then_pool_then_head() -> None:
    backbone = load_backbone("squeezenet1_1", "untrained")
    pool, head = Pool(2, 13, 13), Head(512 * 4, 3, HEAD)
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    logits = BackboneClassifier(backbone, pool, head)(images)
    assert torch.equal(logits, head(pool(backbone(images))))


@pytest.mark.parametrize("model", ["cnn", "frozen"])
def test_empty_network__is_filled_from_a_state_dict(model: str) -> None:
    if model == "cnn":
        config = NetworkConfig("cnn", 3, Preprocessing(64))
        full: torch.nn.Module = CNN(3, 64).eval()
    else:
        backbone = load_backbone("squeezenet1_1", "untrained")
        config = NetworkConfig("frozen", 3, SMALL, "squeezenet1_1", (512, 3, 3), HEAD)
        full = BackboneClassifier(backbone, Pool(2, 3, 3), Head(512 * 4, 3, HEAD)).eval()
    network = empty_network(config)
    assert all(parameter.is_meta for parameter in network.parameters())
    network.load_state_dict(full.state_dict(), strict=True, assign=True)
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        assert torch.allclose(network.eval()(images), full(images), atol=1e-6)


def test_empty_network__names_what_is_lacking() -> None:
    with pytest.raises(ValueError, match="a frozen network needs backbone, feature_shape and head"):
        empty_network(NetworkConfig("frozen", 3, SMALL, "alexnet"))


def test_check_features__notices_a_shape_that_is_not_the_backbone_s() -> None:
    backbone = load_backbone("squeezenet1_1", "untrained")
    network = BackboneClassifier(backbone, Pool(2, 13, 13), Head(512 * 4, 3, HEAD))
    config = NetworkConfig("frozen", 3, SMALL, "squeezenet1_1", (512, 3, 3), HEAD)
    with pytest.raises(ValueError, match=r"squeezenet1_1 gives features of shape \(512, 13, 13\)"):
        check_features(network, config)
    check_features(network, dataclasses.replace(config, feature_shape=(512, 13, 13)))
    check_features(CNN(3, 64), NetworkConfig("cnn", 3, Preprocessing(64)))


@pytest.mark.parametrize("model", ["landmarks", "combined"])
def test_empty_network__landmarks_hold_no_numbers(model: Any) -> None:
    config = NetworkConfig(model, 3, SMALL, "squeezenet1_1", (512, 3, 3), HEAD)
    network = empty_network(config)
    assert all(tensor.is_meta for tensor in network.state_dict().values())
    assert network.uses_hand and (network.image_classifier is None) == (model == "landmarks")
