import copy
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from handshape.models.backbones.registry import load_backbone
from handshape.models.winograd import WinogradConv2d, arithmetic_of, for_reading

pytestmark = pytest.mark.skipif(
    torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512"),
    reason="reads plainly on this processor",
)


def convolution(
    before: int = 256, after: int = 256, kernel: int | tuple[int, int] = 3, padding: Any = 1, **options: Any
) -> nn.Conv2d:
    torch.manual_seed(0)
    made = nn.Conv2d(before, after, kernel, padding=padding, **options)
    return for_reading(made.requires_grad_(False).eval().to(memory_format=torch.channels_last))


def maps(channels: int = 256, size: int = 13, count: int = 3) -> Tensor:
    random = torch.Generator().manual_seed(1)
    noise = torch.randn(count, channels, size, size, generator=random)
    return noise.relu().to(memory_format=torch.channels_last)


def plain(layer: nn.Conv2d, images: Tensor) -> Tensor:
    return F.conv2d(images, layer.weight, layer.bias, layer.stride, layer.padding)


@torch.inference_mode()
def read(layer: nn.Module, images: Tensor) -> Tensor:
    found: Tensor = layer(images)
    return found


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("layer", "size"),
    [
        ((64, 192, 5, 2), 27),  # AlexNet's second
        ((192, 384), 13),
        ((512, 512), 7),
        ((512, 512), 23),  # a last tile of two rows
        ((256, 256, (3, 5), (1, 2)), 14),
    ],
)
def test_winograd__reads_what_the_convolution_says(layer: tuple[Any, ...], size: int, bias: bool) -> None:
    own = convolution(*layer, bias=bias)
    images = maps(layer[0], size)
    assert type(own) is WinogradConv2d
    found, exact = read(own, images), plain(copy.deepcopy(own).double(), images.double())
    assert found.shape == exact.shape and found.dtype == torch.float32
    assert not torch.equal(found, plain(own, images))  # else this says nothing of the algorithm
    # Features are stored in float16, whose steps are 5e-4.
    assert float((found - exact).abs().max() / exact.abs().max()) < 4e-5


@pytest.mark.parametrize("padding", [0, 1, 2])
def test_winograd__any_padding_and_oblong_maps(padding: int) -> None:
    own, images = convolution(padding=padding), maps(size=21)[:, :, :, :10]
    torch.testing.assert_close(read(own, images), plain(own, images), rtol=1e-3, atol=5e-5)


@pytest.mark.parametrize("size", [7, 13])
def test_winograd__an_image_s_features_do_not_depend_on_its_batch(threads: int, size: int) -> None:
    own, images = convolution(), maps(size=size, count=9)
    torch.set_num_threads(1)
    alone = torch.cat([read(own, images[i : i + 1]) for i in range(9)])
    torch.set_num_threads(threads)
    for count in range(1, 10):
        assert torch.equal(read(own, images[9 - count :]), alone[9 - count :])


def test_winograd__is_torch_s_own_on_low_maps() -> None:
    own = convolution()
    assert torch.equal(read(own, maps(size=4)), plain(own, maps(size=4)))


@pytest.mark.parametrize(
    "layer",
    [
        convolution(16, 64),  # SqueezeNet's
        convolution(64, 256),
        convolution(3, 64, 11, stride=4),
        convolution(stride=2),
        convolution(dilation=2),
        convolution(groups=2),
        convolution(kernel=1),
        convolution(padding="same"),
        convolution(padding_mode="reflect"),
    ],
)
def test_for_reading__leaves_what_gains_nothing(layer: nn.Conv2d) -> None:
    assert type(layer) is nn.Conv2d


def test_winograd__no_image() -> None:
    assert read(convolution(), maps()[:0]).shape == (0, 256, 13, 13)


def test_winograd__exported_is_a_convolution() -> None:
    program = torch.export.export(convolution(), (maps(),))
    called = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert called == {"aten.conv2d.default"}


def test_backbone__alexnet_reads_by_winograd_and_squeezenet_does_not() -> None:
    alexnet, squeezenet = (load_backbone(name, "untrained") for name in ("alexnet", "squeezenet1_0"))
    kinds = [type(layer) for layer in alexnet.modules() if isinstance(layer, nn.Conv2d)]
    assert kinds == [nn.Conv2d, *[WinogradConv2d] * 4]
    assert arithmetic_of(alexnet).startswith("Winograd F(7, 3) at 0 1 -1 ") and not arithmetic_of(squeezenet)
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    found, exact = read(alexnet, images), copy.deepcopy(alexnet).double()(images.double())
    assert float((found - exact).abs().max() / exact.abs().max()) < 2e-5
