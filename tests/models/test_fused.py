import copy
from typing import Any

import pytest
import torch
from torch import Tensor

from handshape.models.fused import FusedConv2d
from handshape.models.reading import can_read


def convolution(before: int, width: int, kernel: int, *shape: int, **options: Any) -> FusedConv2d:
    torch.manual_seed(0)
    made = FusedConv2d(before, width, kernel, *shape, **options)
    return made.requires_grad_(False).eval().to(memory_format=torch.channels_last)


def maps(channels: int, count: int = 5, size: int = 14) -> Tensor:
    random = torch.Generator().manual_seed(1)
    return (4 * torch.randn(count, channels, size, size, generator=random)).to(
        memory_format=torch.channels_last
    )


@pytest.mark.parametrize("relu6", [True, False])
@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((24, 144, 1), 14),
        ((144, 144, 3, 1, 144), 14),
        ((144, 144, 5, 2, 144), 14),
        ((64, 64, 3, 2, 64), 15),
        ((3, 32, 5, 2), 28),
    ],
)
def test_fused__reads_what_the_convolution_says(shape: tuple[int, ...], size: int, relu6: bool) -> None:
    own, images = convolution(*shape, relu6=relu6), maps(shape[0], size=size)
    exact = copy.deepcopy(own).double()(images.double())
    with torch.inference_mode():
        found = own(images)
        alone = torch.cat([own(one) for one in torch.split(images, 1)])
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), exact, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(alone, found, rtol=1e-5, atol=1e-5)
    assert bool((exact >= 0).all() and (exact <= 6).all() and (exact == 6).any()) == relu6


def test_fused__onto_a_map() -> None:
    own, images, beside = convolution(80, 40, 1), maps(80), maps(40)
    exact = own(images) + beside
    with torch.inference_mode():
        found = own(images, beside.clone(memory_format=torch.preserve_format))
    torch.testing.assert_close(found, exact, rtol=1e-5, atol=1e-5)


def test_fused__onto_a_map_is_added_and_not_kept_where_nothing_is_read() -> None:
    own, images, beside = convolution(80, 40, 1), maps(80), maps(40)
    before = beside.clone()
    own(images, beside)
    assert torch.equal(beside, before)


@pytest.mark.skipif(not can_read(), reason="reads plainly on this processor")
def test_fused__one_pass_in_place_of_two() -> None:
    own, images = convolution(24, 144, 1, relu6=True), maps(24)
    with torch.inference_mode(), torch.profiler.profile() as profile:
        own(images)
    called = {event.key for event in profile.key_averages()}
    assert "mkldnn::_convolution_pointwise" in called and not called & {"aten::conv2d", "aten::hardtanh"}
