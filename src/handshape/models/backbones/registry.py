"""Pretrained networks cut before their classifier, keeping features in space."""

import difflib
import importlib.util
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from handshape.data.images.decode import Preprocessing
from handshape.errors import BackboneError, ShapeError
from handshape.models.backbones import handnet
from handshape.models.backbones.spec import BackboneSpec
from handshape.models.backbones.weights import UNTRAINED, Weights, find_weights, fit, state_digest

TIMM = "timm:"
"""What the name of a network of timm may begin with."""
OWN_BACKBONE = "own-"
"""What the name of a backbone begins with that a program has brought."""


class Backbone(nn.Module):
    """A network from images to features in space.

    Args:
        name: As given to `load_backbone`.
        body: The layers, from (N, 3, H, W) to (N, C, h, w).
        preprocessing: What the weights were trained with.
        source: Where the weights came from.
    """

    def __init__(self, name: str, body: nn.Module, preprocessing: Preprocessing, source: str) -> None:
        super().__init__()
        self.name, self.preprocessing = name, preprocessing
        self._source = source  # no plain attribute, for those say which architecture it is
        self.body = body.to(memory_format=torch.channels_last)
        self.eval().requires_grad_(False)

    @property
    def source(self) -> str:
        """Where the weights came from."""
        return self._source

    @cached_property
    def digest(self) -> str:
        """Stands for every number in the backbone."""
        return state_digest(self.body)

    @cached_property
    def feature_shape(self) -> tuple[int, int, int]:
        """(C, h, w) of one image's features."""
        first = next(self.body.parameters(), None)  # a program's own backbone may have none
        place = torch.device("cpu") if first is None else first.device
        with torch.inference_mode():
            probe: Tensor = self.body(torch.zeros(1, 3, *[self.preprocessing.size] * 2, device=place))
        return int(probe.shape[1]), int(probe.shape[2]), int(probe.shape[3])

    def forward(self, images: Tensor) -> Tensor:
        """Return features.

        Args:
            images: (N, 3, H, W) float32, RGB, normalised with ``preprocessing``.

        Returns:
            (N, C, h, w) float32.

        Raises:
            ShapeError: ``images`` is not rank 4 with 3 channels.
        """
        if images.ndim != 4 or images.shape[1] != 3:
            raise ShapeError(f"images of shape {tuple(images.shape)}", "(N, 3, H, W)", "stack RGB images")
        features: Tensor = self.body(images)
        return features


def load_backbone(name: str, weights: str | Path | None = None, *, seed: int = 0) -> Backbone:
    """Make a pretrained backbone.

    Args:
        name: ``handnet``, a torchvision classification network, or any name timm knows when it is installed.
        weights: A file; ``None`` to look in ``$HANDSHAPE_WEIGHTS`` and then download (handnet's lie in the
            package); ``"untrained"`` for random weights, which show what a figure owes to pretraining.
        seed: Fixes untrained weights.

    Returns:
        The backbone in evaluation mode; no parameter requires a gradient.

    Raises:
        BackboneError: No such network.
        WeightsError: Its weights cannot be found, read or fitted.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        plan = _plan(name)
    if weights == UNTRAINED:
        return Backbone(name, plan.body, plan.preprocessing, "untrained")
    if weights is None and plan.packaged:
        found = Weights(plan.download(), "shipped with handshape, digest checked")
    else:
        found = find_weights(name, Path(weights) if weights is not None else None, plan.download)
    kept = {id(parameter) for parameter in (*plan.body.parameters(), *plan.body.buffers())}
    named = dict([*plan.network.named_parameters(), *plan.network.named_buffers()])
    fit(plan.network, found, ignored=lambda tensor: id(named[tensor]) not in kept)
    return Backbone(name, plan.body, plan.preprocessing, found.source)


def empty_backbone(name: str, preprocessing: Preprocessing) -> Backbone:
    """Make a backbone without weights, to be filled from a bundle.

    Args:
        name: As for `load_backbone`.
        preprocessing: What its weights are used with, from the bundle.

    Returns:
        The backbone on torch's ``meta`` device, which holds shapes and no numbers.

    Raises:
        BackboneError: No such network.
    """
    if name.startswith(OWN_BACKBONE):
        raise BackboneError(
            f"the backbone {name!r} is a module of the program that trained it",
            "a backbone that an installed library has",
            "use what runs the recogniser's graphs, such as predict and serve",
        )
    plan = plan_backbone(name)
    return Backbone(name, plan.body.to("meta"), preprocessing, "bundle")


def plan_backbone(name: str) -> BackboneSpec:
    """Return the specification of a backbone whose parameters have no numbers.

    Raises:
        BackboneError: No such network.
    """
    with _WithoutNumbers():
        return _plan(name)


def backbone_names() -> list[str]:
    """Return the names of what comes with handshape and of the torchvision networks, sorted."""
    from handshape.models.backbones import torchvision as torchvision_networks

    return sorted([handnet.HANDNET, *torchvision_networks.names()])


class _WithoutNumbers(TorchFunctionMode):
    """Put new parameters, and nothing else, on torch's ``meta`` device.

    ``torch.device("meta")`` stops networks that compute with tensors to find their own widths (RegNet).
    """

    def __torch_function__(
        self, func: Any, types: Sequence[Any], args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = dict(kwargs or {})
        if func is Tensor.normal_ and args[0].is_meta:
            return args[0]  # there is nothing to draw, and finding that out makes torch import its compiler
        if func is torch.empty:
            named["device"] = "meta"
        return func(*args, **named)


def _plan(given: str) -> BackboneSpec:
    name = given.removeprefix(TIMM)
    if name == handnet.HANDNET:
        network = handnet.HandNet()
        return BackboneSpec(
            network, network, handnet.HANDNET_PREPROCESSING, handnet.HANDNET_WEIGHTS.read, packaged=True
        )
    from handshape.models.backbones import torchvision as torchvision_networks

    if name == given and name in torchvision_networks.names():
        return torchvision_networks.torchvision_spec(name)
    if importlib.util.find_spec("timm") is not None:
        from handshape.models.backbones import timm as timm_networks

        if timm_networks.is_known(name):
            return timm_networks.timm_spec(name)
        more = ""
    else:
        more = " (timm's are known once `handshape[timm]` is installed)"
    near = difflib.get_close_matches(name, backbone_names(), n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else "take alexnet, squeezenet1_0 or resnet50"
    raise BackboneError(
        f"no backbone {given!r}{more}", "the name of a torchvision classification network", hint
    )
