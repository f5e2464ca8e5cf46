"""AlexNet and SqueezeNet up to their classifiers, written out: lists of layers need no torchvision.

Importing torchvision takes longer than importing torch, for its operators import torch's compiler. With
these, a command that reads a photo waits for torch alone. Layers have torchvision's names, and its weights
fit them; a test holds the two together.
"""

from collections import OrderedDict
from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor, nn

from handshape.data.images.decode import Preprocessing
from handshape.models.backbones.spec import Plan

PREPROCESSING = Preprocessing(224, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

# Where torchvision downloads them from; the digits before the ending are of the file's SHA-256.
# Source: torchvision.models.AlexNet_Weights, SqueezeNet1_0_Weights and SqueezeNet1_1_Weights, IMAGENET1K_V1.
_URL = "https://download.pytorch.org/models/{}.pth"
WEIGHTS = {
    "alexnet": _URL.format("alexnet-owt-7be5be79"),
    "squeezenet1_0": _URL.format("squeezenet1_0-b66bff10"),
    "squeezenet1_1": _URL.format("squeezenet1_1-b8a52dc0"),
}
NAMES = tuple(WEIGHTS)

# Channels of each fire module's squeeze and of each half of its expand.
_FIRES = ((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256))
# Channels and kernel of SqueezeNet's first convolution, and before which fire modules it halves the map.
_SQUEEZENETS = {"squeezenet1_0": (96, 7, (0, 3, 7)), "squeezenet1_1": (64, 3, (0, 2, 4))}


def plan(name: str) -> Plan:
    """Plan one of the networks in `NAMES`."""
    layers = _alexnet() if name == "alexnet" else _squeezenet(name)
    body = nn.Sequential(OrderedDict(features=layers))
    return Plan(body, body, PREPROCESSING, partial(_download, WEIGHTS[name]))


def _download(url: str) -> Mapping[str, Tensor]:
    state: Mapping[str, Tensor] = torch.hub.load_state_dict_from_url(url, check_hash=True)
    return state


def _alexnet() -> nn.Sequential:
    """Return (N, 3, 224, 224) to (N, 256, 6, 6).

    Source: A. Krizhevsky, One weird trick for parallelizing convolutional neural networks, arXiv 1404.5997.
    """
    return nn.Sequential(
        *_convolution(3, 64, kernel_size=11, stride=4, padding=2),
        nn.MaxPool2d(3, stride=2),
        *_convolution(64, 192, kernel_size=5, padding=2),
        nn.MaxPool2d(3, stride=2),
        *_convolution(192, 384, kernel_size=3, padding=1),
        *_convolution(384, 256, kernel_size=3, padding=1),
        *_convolution(256, 256, kernel_size=3, padding=1),
        nn.MaxPool2d(3, stride=2),
    )


def _squeezenet(name: str) -> nn.Sequential:
    """Return (N, 3, 224, 224) to (N, 512, 13, 13).

    Source: F. Iandola and others, SqueezeNet, arXiv 1602.07360; first weights as torchvision draws them.
    """
    before, kernel, halvings = _SQUEEZENETS[name]
    layers = _convolution(3, before, kernel_size=kernel, stride=2)
    for number, (squeezed, expanded) in enumerate(_FIRES):
        if number in halvings:
            layers.append(nn.MaxPool2d(3, stride=2, ceil_mode=True))
        layers.append(_Fire(before, squeezed, expanded))
        before = 2 * expanded
    network = nn.Sequential(*layers)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_uniform_(module.weight)
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]
    return network


class _Fire(nn.Module):
    """Squeeze to few channels, and expand them by 1 x 1 and 3 x 3 convolutions side by side."""

    def __init__(self, before: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(before, squeezed, kernel_size=1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, kernel_size=1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, kernel_size=3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        squeezed = torch.relu_(self.squeeze(images))
        return torch.cat([torch.relu_(self.expand1x1(squeezed)), torch.relu_(self.expand3x3(squeezed))], 1)


def _convolution(
    before: int, after: int, *, kernel_size: int, stride: int = 1, padding: int = 0
) -> list[nn.Module]:
    return [nn.Conv2d(before, after, kernel_size, stride, padding), nn.ReLU(inplace=True)]
