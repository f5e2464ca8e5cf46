import pytest
import torch
from torch import nn
from torch.nn import functional as F

from handshape.errors import ShapeError
from handshape.models.cnn import CNN


def layers(network: CNN) -> list[str]:
    return [type(layer).__name__ for layer in network.features]


def test_cnn__is_the_lesson_s() -> None:
    network = CNN(9, 224)
    convs = [layer for layer in network.features if isinstance(layer, nn.Conv2d)]
    assert [(conv.in_channels, conv.out_channels) for conv in convs] == [(3, 4), (4, 8), (8, 16), (16, 32)]
    assert all(conv.kernel_size == (3, 3) and conv.padding == (1, 1) for conv in convs)
    assert layers(network) == ["Conv2d", "MaxPool2d", "ReLU", "BatchNorm2d"] * 4
    first, last = (layer for layer in network.classifier if isinstance(layer, nn.Linear))
    assert (first.in_features, first.out_features) == (32 * 14 * 14, 100)
    assert (last.in_features, last.out_features) == (100, 9)
    assert network.features(torch.zeros(1, 3, 224, 224)).shape == (1, 32, 14, 14)


def test_cnn__relu_behind_the_max_pool_is_the_lesson_s_before_it() -> None:
    torch.manual_seed(0)
    network = CNN(3, 64).train()
    images, classes = torch.randn(8, 3, 64, 64), torch.arange(8) % 3
    images[:, :, :32] = 0.0  # ties: places that are all alike
    plain = images
    for block in range(4):
        conv, norm = network.features[4 * block], network.features[4 * block + 3]
        plain = norm(F.max_pool2d(torch.relu(conv(plain)), 2))
    lesson = network.classifier(plain.flatten(1))
    assert torch.equal(network(images), lesson)
    wanted = torch.autograd.grad(F.cross_entropy(lesson, classes), list(network.parameters()))
    found = torch.autograd.grad(F.cross_entropy(network(images), classes), list(network.parameters()))
    assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))


def test_cnn__refuses_images_too_small() -> None:
    with pytest.raises(ShapeError, match="images of 15 pixels"):
        CNN(3, 15)
