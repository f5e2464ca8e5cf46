import pytest
import torch
from torch import nn
from torch.nn import functional as F

from handshape.training.heads.two_layers import TwoLayers
from handshape.training.loop import LoopConfig


def layers() -> nn.Sequential:
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(40, 16), nn.ReLU(), nn.Linear(16, 5))


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_two_layers__moves_weights_as_autograd_and_adam_do(decay: float) -> None:
    ours, theirs = layers(), layers()
    step = TwoLayers(ours, LoopConfig(learning_rate=1e-2, weight_decay=decay))
    adam = torch.optim.Adam(theirs.parameters(), lr=1e-2, weight_decay=decay)
    for number in range(20):
        chance = torch.Generator().manual_seed(number)
        inputs, classes = torch.randn(8, 40, generator=chance), torch.randint(5, (8,), generator=chance)
        logits = step(inputs, classes)
        expected = theirs(inputs)
        wrong = F.cross_entropy(expected, classes)
        assert torch.allclose(logits, expected, atol=1e-4)
        adam.zero_grad()
        wrong.backward()  # type: ignore[no-untyped-call]
        adam.step()
    for own, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(own, other, atol=1e-4)


def test_two_layers__the_network_shows_the_weights_that_were_moved() -> None:
    network = layers()
    before = [tensor.clone() for tensor in network.state_dict().values()]
    TwoLayers(network, LoopConfig())(torch.randn(4, 40), torch.tensor([0, 1, 2, 3]))
    assert not any(torch.equal(a, b) for a, b in zip(before, network.state_dict().values(), strict=True))
