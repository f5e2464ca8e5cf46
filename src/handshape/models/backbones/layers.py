"""The layers of a backbone in order, and their outputs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from handshape.models.backbones.blocks import steps_of
from handshape.models.backbones.registry import Backbone

# No layers of their own: their output is taken after the ReLU or pooling that follows.
_INNER = (nn.Conv2d, nn.BatchNorm2d, nn.Dropout, nn.Identity, nn.LocalResponseNorm)


@dataclass(frozen=True)
class FeatureLayer:
    """One layer of a backbone.

    Args:
        name: Number from 1, kind and shape of its output: ``3 Fire 128x54x54``.
        shape: (C, h, w) of one image's output.
        module: The module whose output it is.
    """

    name: str
    shape: tuple[int, int, int]
    module: nn.Module


def layers_of(backbone: Backbone) -> list[FeatureLayer]:
    """List the layers of a backbone whose outputs are feature maps, from the first to the last.

    A convolution and the ReLU after it are one layer, and poolings are left out unless they come last. A
    network that is no plain sequence of modules is one layer.

    Args:
        backbone: The backbone.

    Returns:
        At least one layer; the last one's output is the backbone's.
    """
    steps = list(steps_of(backbone.body))
    last = len(steps) - 1
    inner = (*_INNER, nn.MaxPool2d, nn.AvgPool2d)
    kept = [module for i, module in enumerate(steps) if i == last or not isinstance(module, inner)]
    size = backbone.preprocessing.size
    place = next(backbone.body.parameters()).device
    with outputs_of(kept) as found, torch.inference_mode():
        backbone(torch.zeros(1, 3, size, size, device=place))
        shapes = [tuple(found[module].shape[1:]) for module in kept if module in found]
    layers: list[FeatureLayer] = []
    for module, shape in zip(kept, shapes, strict=True):
        if len(shape) == 3:
            kind = "Conv" if isinstance(module, nn.ReLU) else type(module).__name__.lstrip("_")
            layers.append(
                FeatureLayer(f"{len(layers) + 1} {kind} {'x'.join(map(str, shape))}", shape, module)
            )
    return layers


@contextmanager
def outputs_of(modules: list[nn.Module]) -> Iterator[dict[nn.Module, Tensor]]:
    """Record the outputs of some modules while a network runs.

    Args:
        modules: Parts of the network.

    Yields:
        The latest output of each module that has run. An in-place ReLU changes a recorded output.
    """
    found: dict[nn.Module, Tensor] = {}

    def record(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        found[module] = output

    handles = [module.register_forward_hook(record) for module in modules]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()
