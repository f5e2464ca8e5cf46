"""The blocks of a backbone from front to back, and where it is cut for a part of it to be tuned."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from handshape.models.backbones.handnet import HandNet
from handshape.models.backbones.registry import Backbone


@dataclass(frozen=True)
class Cut:
    """A backbone in two parts.

    Args:
        trunk: What stays as it is, or ``None`` where all is tuned or the network is no sequence of modules.
        tail: What is run on the trunk's output, or the whole network on images.
        blocks: Parameters that are tuned, block by block from front to back.
    """

    trunk: nn.Module | None
    tail: nn.Module
    blocks: list[list[nn.Parameter]]


def cut_backbone(backbone: Backbone, last: int | None) -> Cut:
    """Cut a backbone before its last blocks.

    A block begins with each module that holds a convolution or a linear layer; the normalisations,
    activations and poolings behind it belong to it. So AlexNet's blocks are convolutions, ResNet's residual
    blocks, SqueezeNet's fire modules.

    Args:
        backbone: The backbone; its parts are shared, not copied.
        last: How many blocks are tuned; ``None``, or as many as there are or more, for all.

    Returns:
        The parts.
    """
    steps = list(steps_of(backbone.body))
    if len(steps) == 1:
        blocks = _inner_blocks(backbone.body)
        return Cut(None, backbone.body, blocks if last is None else blocks[-last:])
    starts = [number for number, step in enumerate(steps) if _has_weights(step)]
    blocks = [_parameters(steps[start:end]) for start, end in zip(starts, [*starts[1:], None], strict=True)]
    if last is None or last >= len(blocks):
        return Cut(None, backbone.body, blocks)
    start = starts[-last]
    return Cut(nn.Sequential(*steps[:start]), nn.Sequential(*steps[start:]), blocks[-last:])


def steps_of(module: nn.Module) -> Iterator[nn.Module]:
    """Yield the modules of a network that run one after another."""
    if isinstance(module, HandNet):
        yield module.shrink
        yield from module.layers
    elif type(module).forward is nn.Sequential.forward:
        for child in module.children():
            yield from steps_of(child)
    else:
        yield module


def _inner_blocks(body: nn.Module) -> list[list[nn.Parameter]]:
    """Find the blocks of a network that is no sequence: the list of modules that its last layers are in.

    Whatever comes before that list is the first block; what comes behind, its last block's.
    """
    place = body
    while not isinstance(place, nn.Sequential | nn.ModuleList):
        within = [child for child in place.children() if _has_weights(child)]
        if not within:
            return [_parameters([body])]
        place = within[-1]
    inner = [_parameters([child]) for child in place if _has_weights(child)]
    everything = _parameters([body])
    number = {id(parameter): at for at, parameter in enumerate(everything)}
    edges = [number[id(block[0])] for block in inner]
    blocks = [everything[start:end] for start, end in zip(edges, [*edges[1:], None], strict=True)]
    return [everything[: edges[0]], *blocks] if edges[0] else blocks


def _has_weights(module: nn.Module) -> bool:
    return any(parameter.ndim > 1 for parameter in module.parameters())


def _parameters(modules: list[nn.Module]) -> list[nn.Parameter]:
    return [parameter for module in modules for parameter in module.parameters()]
