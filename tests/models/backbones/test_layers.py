from collections.abc import Callable

import pytest
import torch
from torch import nn

from handshape.models.backbones.layers import layers_of, outputs_of
from handshape.models.backbones.registry import load_backbone


@pytest.mark.parametrize(
    "name, count, first, last",
    [
        ("alexnet", 6, "1 Conv 64x55x55", "6 MaxPool2d 256x6x6"),
        ("squeezenet1_0", 9, "1 Conv 96x109x109", "9 Fire 512x13x13"),
        ("handnet", 7, "1 Layer 32x56x56", "7 Layer 192x7x7"),
        ("resnet18", 9, "1 Conv 64x112x112", "9 BasicBlock 512x7x7"),
    ],
)
def test_layers_of__each_with_its_shape(name: str, count: int, first: str, last: str) -> None:
    backbone = load_backbone(name, "untrained")
    layers = layers_of(backbone)
    assert (len(layers), layers[0].name, layers[-1].name) == (count, first, last)
    assert layers[-1].shape == backbone.feature_shape


def test_outputs_of__what_each_module_said_last_and_no_hook_left() -> None:
    network = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    modules: list[nn.Module] = [network[0], network[2]]
    with outputs_of(modules) as found:
        network(torch.ones(4, 2))
        answer = network(torch.zeros(1, 2))
        assert torch.equal(found[network[2]], answer) and found[network[0]].shape == (1, 3)
    hooks: Callable[[nn.Module], int] = lambda module: len(module._forward_hooks)  # noqa: E731
    assert [hooks(module) for module in network] == [0, 0, 0]
