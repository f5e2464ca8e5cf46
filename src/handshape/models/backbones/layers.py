"""The layers of a backbone, one after another, for looking at what each of them keeps."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from handshape.models.backbones.handnet import HandNet
from handshape.models.backbones.registry import Backbone

# Too small a step to be a layer of its own: its output is looked at after the ReLU or pooling that follows.
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
    """List the layers of a backbone whose outputs are maps in space, from the first to the last.

    Convolutions count with the ReLU behind them and poolings are left out, except where they come last.
    Networks that are no plain sequence of modules count as one layer.

    Args:
        backbone: The backbone.

    Returns:
        At least one layer; the last one's output is the backbone's.
    """
    steps = list(_steps(backbone.body))
    last = len(steps) - 1
    kept = [
        m
        for i, m in enumerate(steps)
        if i == last or not isinstance(m, (*_INNER, nn.MaxPool2d, nn.AvgPool2d))
    ]
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
    """Note the outputs of some modules while a network runs.

    Args:
        modules: Parts of the network.

    Yields:
        The latest output of each module that has run. A ReLU that works in place changes what is noted.
    """
    found: dict[nn.Module, Tensor] = {}

    def note(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        found[module] = output

    handles = [module.register_forward_hook(note) for module in modules]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def _steps(module: nn.Module) -> Iterator[nn.Module]:
    if isinstance(module, HandNet):
        yield from module.layers
    elif isinstance(module, nn.Sequential):
        for child in module:
            yield from _steps(child)
    else:
        yield module
