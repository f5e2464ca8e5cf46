import copy
import pickle
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from handshape.models.fused import FusedConv2d
from handshape.models.reading import ReadConv2d, can_read
from handshape.models.winograd import for_reading

pytestmark = pytest.mark.skipif(not can_read(), reason="reads plainly on this processor")


def winograd() -> ReadConv2d:
    made = for_reading(nn.Conv2d(256, 256, 3, padding=1))
    assert isinstance(made, ReadConv2d)
    return made


@pytest.fixture(params=[winograd, lambda: FusedConv2d(256, 64, 1)])
def own(request: pytest.FixtureRequest) -> ReadConv2d:
    torch.manual_seed(0)
    made: ReadConv2d = request.param()
    return made.requires_grad_(False).eval().to(memory_format=torch.channels_last)


@pytest.fixture
def images() -> Tensor:
    random = torch.Generator().manual_seed(1)
    noise = torch.randn(3, 256, 13, 13, generator=random)
    return noise.relu().to(memory_format=torch.channels_last)


def plain(layer: nn.Conv2d, images: Tensor) -> Tensor:
    return F.conv2d(images, layer.weight, layer.bias, layer.stride, layer.padding)


@torch.inference_mode()
def read(layer: nn.Module, images: Tensor) -> Tensor:
    found: Tensor = layer(images)
    return found


@pytest.mark.parametrize(
    "enter", [torch.enable_grad, torch.no_grad, lambda: torch.autocast("cpu", torch.bfloat16)]
)
def test_read__is_torch_s_own_where_nothing_is_read(
    own: ReadConv2d, images: Tensor, enter: Callable[[], torch.no_grad]
) -> None:
    with enter():
        assert own.prepared(images) is None
        assert torch.equal(own(images), plain(own, images))


def test_read__is_torch_s_own_where_weights_are_learned(own: ReadConv2d, images: Tensor) -> None:
    own.weight.requires_grad_(True)
    assert torch.equal(read(own, images), plain(own, images))
    own.requires_grad_(False).train()
    assert torch.equal(read(own, images), plain(own, images))


def test_read__is_torch_s_own_in_other_numbers(own: ReadConv2d, images: Tensor) -> None:
    own = own.double()
    assert torch.equal(read(own, images.double()), plain(own, images.double()))


def test_read__sees_new_weights(own: ReadConv2d, images: Tensor) -> None:
    before = read(own, images)
    own.requires_grad_(True)
    own(images).square().mean().backward()
    torch.optim.AdamW(own.parameters(), lr=0.1, fused=True).step()
    own.requires_grad_(False)
    assert float((read(own, images) - plain(own, images)).abs().max()) < 1e-3
    assert float((read(own, images) - before).abs().max()) > 1
    fresh = {name: torch.zeros_like(tensor) for name, tensor in own.state_dict().items()}
    own.load_state_dict(fresh, assign=True)
    assert not read(own, images).any()


def test_read__copies_read_the_same_and_carry_nothing_that_was_made(own: ReadConv2d, images: Tensor) -> None:
    before = len(pickle.dumps(own))
    found = read(own, images)
    assert len(pickle.dumps(own)) == before
    for other in (pickle.loads(pickle.dumps(own)), copy.deepcopy(own)):
        assert torch.equal(read(other, images), found)
        with torch.no_grad():
            other.weight.zero_()
        assert other.bias is not None
        assert torch.equal(read(other, images), other.bias[:, None, None].expand_as(found))
    assert torch.equal(read(own, images), found)
