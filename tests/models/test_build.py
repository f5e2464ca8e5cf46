import dataclasses

import pytest
import torch

from handshape.data.images.decode import Preprocessing
from handshape.errors import BackboneError
from handshape.models.backbones.registry import load_backbone
from handshape.models.cnn import CNN
from handshape.models.hand.pose_classifier import HandHead
from handshape.models.heads import Head, HeadConfig, Pool
from handshape.models.network import FrozenNetwork, HandsNetwork, NetworkConfig, check_features, empty_network

SMALL = Preprocessing(64, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HEAD = HeadConfig("linear", pool=2)


def test_frozen_network__is_backbone_then_pool_then_head() -> None:
    backbone = load_backbone("squeezenet1_1", "untrained")
    pool, head = Pool(2, 13, 13), Head(512 * 4, 3, HEAD)
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    logits = FrozenNetwork(backbone, pool, head)(images)
    assert torch.equal(logits, head(pool(backbone(images))))


@pytest.mark.parametrize("model", ["cnn", "frozen"])
def test_empty_network__is_filled_from_a_state_dict(model: str) -> None:
    if model == "cnn":
        config = NetworkConfig("cnn", 3, Preprocessing(64))
        full: torch.nn.Module = CNN(3, 64).eval()
    else:
        backbone = load_backbone("squeezenet1_1", "untrained")
        config = NetworkConfig("frozen", 3, SMALL, "squeezenet1_1", (512, 3, 3), HEAD)
        full = FrozenNetwork(backbone, Pool(2, 3, 3), Head(512 * 4, 3, HEAD)).eval()
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
    network = FrozenNetwork(backbone, Pool(2, 13, 13), Head(512 * 4, 3, HEAD))
    config = NetworkConfig("frozen", 3, SMALL, "squeezenet1_1", (512, 3, 3), HEAD)
    with pytest.raises(ValueError, match=r"squeezenet1_1 gives features of shape \(512, 13, 13\)"):
        check_features(network, config)
    check_features(network, dataclasses.replace(config, feature_shape=(512, 13, 13)))
    check_features(CNN(3, 64), NetworkConfig("cnn", 3, Preprocessing(64)))


def test_empty_network__refuses_an_unknown_backbone() -> None:
    with pytest.raises(BackboneError, match="no backbone 'squeezenet9'"):
        empty_network(NetworkConfig("frozen", 3, SMALL, "squeezenet9", (512, 3, 3), HEAD))


def test_hands_network__says_without_a_hand_how_often_each_label_shows_none() -> None:
    network = HandsNetwork(torch.nn.Identity(), Pool(1, 1, 1), HandHead(2))
    network.know(torch.tensor([0.9, 0.5]).log(), torch.tensor([0.1, 0.5]).log())
    images = torch.stack([torch.zeros(63), torch.ones(63)])[:, :, None, None]
    shares = network(images).softmax(dim=1)
    assert torch.allclose(shares, torch.tensor([[1 / 6, 5 / 6], [9 / 14, 5 / 14]]))
