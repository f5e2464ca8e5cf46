"""The graphs that come with the package: the same answers as torch gives, and nothing exported."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tools.export_graphs import architectures
from torch import Tensor

from handshape.bundle import HEAD, IMAGE, BundleConfig
from handshape.inference.engine import Graph
from handshape.models.build import empty_network
from handshape.models.network_config import NetworkConfig
from handshape.models.sign_network import SignNetwork
from handshape.network_bundle import recogniser_of

LABELS = tuple("ABCDE")  # other labels than those with which the graphs were exported
NETWORKS = [replace(config, labels=len(LABELS)) for config in architectures()]
NETWORKS += [replace(config, handshapes=7) for config in NETWORKS if config.model == "landmarks"]


def _filled(config: NetworkConfig) -> SignNetwork:
    network = empty_network(config)
    drawn = torch.Generator().manual_seed(0)
    numbers: dict[str, Tensor] = {}
    for name, tensor in network.state_dict().items():
        positive = torch.rand(tensor.shape, generator=drawn) + 0.5
        fan = max(tensor[0].numel(), 1) if tensor.ndim > 1 else 16
        spread = torch.randn(tensor.shape, generator=drawn) / fan**0.5
        numbers[name] = (positive if tensor.ndim < 2 and "bias" not in name else spread).to(tensor.dtype)
    network.load_state_dict(numbers, assign=True)
    return network.eval()


@pytest.mark.parametrize(
    "config",
    NETWORKS,
    ids=lambda one: f"{one.model}-{one.backbone}-{one.head and one.head.kind}-{one.handshapes}",
)
def test_packaged_graphs(config: NetworkConfig, tmp_path: Path) -> None:
    network = _filled(config)
    recogniser = recogniser_of(network, BundleConfig(LABELS, config, temperature=1.5), tmp_path)
    assert not (tmp_path / "graphs").exists()  # none was exported; otherwise: python -m tools.export_graphs
    drawn = np.random.default_rng(0)
    size = config.preprocessing.size
    images = drawn.uniform(0, 255, (3, size, size, 3)).astype(np.float32)
    hands = drawn.normal(0, 1, (3, 88)).astype(np.float32)
    hands[1] = 0  # no hand was found
    right_hand = np.array([True, True, False])
    given = {"hands": hands, "right_hand": right_hand}
    with torch.inference_mode():
        features = torch.zeros(0)
        if network.image_network is not None:
            normalised = config.preprocessing.normalise(torch.from_numpy(images))
            features = network.image_network(normalised)
            found = Graph(recogniser.files[IMAGE]).run(images=images)["features"]
            scale = float(features.abs().max())
            assert found == pytest.approx(features.numpy(), abs=2e-3 * scale)
            features = torch.rand(features.shape, generator=torch.Generator().manual_seed(0))
            given["features"] = features.numpy()
        rows = (torch.from_numpy(hands), torch.from_numpy(right_hand))
        expected = torch.softmax(network.from_features(features, *rows) / 1.5, dim=1).numpy()
    answers = Graph(recogniser.files[HEAD]).run(**given)["probabilities"]
    assert answers == pytest.approx(expected, abs=1e-5)
    assert expected.std(axis=0).max() > 1e-3  # the answers are not all alike
