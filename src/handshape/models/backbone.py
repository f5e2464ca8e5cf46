"""Pretrained networks cut before their classifier, keeping features in space."""

import difflib
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
import torchvision.models
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torchvision.models.vision_transformer import VisionTransformer

from handshape.data.image import Preprocessing
from handshape.errors import BackboneError, ShapeError
from handshape.models import handnet
from handshape.models.weights import UNTRAINED, Weights, find_weights, fit, state_digest

# Where the classifier of a torchvision network begins, among its children.
_CLASSIFIERS = ("avgpool", "classifier", "fc", "head", "heads", "dropout")
_AUXILIARY = ("aux1", "aux2", "AuxLogits")
# Networks that were trained on images in [-1, 1]; torchvision converts its own normalisation inside them.
# They can also be made without first weights, which take half a minute to draw.
_INCEPTIONS = ("googlenet", "inception_v3")


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
        self.name, self.preprocessing, self.source = name, preprocessing, source
        self.body = body.to(memory_format=torch.channels_last)
        self.eval().requires_grad_(False)

    @cached_property
    def digest(self) -> str:
        """Stands for every number in the backbone."""
        return state_digest(self.body)

    @cached_property
    def feature_shape(self) -> tuple[int, int, int]:
        """(C, h, w) of one image's features."""
        place = next(self.body.parameters()).device
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


@dataclass(frozen=True)
class _Plan:
    """How to make one network: built without weights, cut, and where its own weights come from.

    ``packaged`` says that they lie in the package: then they are read, and not looked for elsewhere.
    """

    network: nn.Module
    body: nn.Module
    preprocessing: Preprocessing
    download: Callable[[], Mapping[str, Tensor]]
    packaged: bool = False


def load_backbone(name: str, weights: str | Path | None = None, *, seed: int = 0) -> Backbone:
    """Make a pretrained backbone.

    Args:
        name: ``handnet``, a torchvision classification network, or any name timm knows when timm is
            installed.
        weights: A file; ``None`` to look in ``$HANDSHAPE_WEIGHTS`` and then download (handnet's lie in the
            package); ``"untrained"`` for random weights, which show what a figure owes to pretraining.
        seed: Fixes untrained weights.

    Returns:
        The backbone in evaluation mode; no parameter requires a gradient.

    Raises:
        BackboneError: No such network.
        WeightsError: Its weights cannot be found, read or fitted.

    Source: https://pytorch.org/vision/stable/models.html
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
    with _WithoutNumbers():
        plan = _plan(name)
    return Backbone(name, plan.body.to("meta"), preprocessing, "bundle")


def backbone_names() -> list[str]:
    """Return handnet and the names of the torchvision networks, sorted."""
    return sorted([handnet.NAME, *_torchvision_names()])


def _torchvision_names() -> list[str]:
    return list(torchvision.models.list_models(module=torchvision.models))


class _WithoutNumbers(TorchFunctionMode):
    """Put new parameters, and nothing else, on torch's ``meta`` device.

    ``torch.device("meta")`` stops networks that compute with tensors to find their own widths (RegNet).
    """

    def __torch_function__(
        self, func: Any, types: Sequence[Any], args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = dict(kwargs or {})
        if func is torch.empty:
            named["device"] = "meta"
        return func(*args, **named)


def _plan(name: str) -> _Plan:
    if name == handnet.NAME:
        return _handnet()
    if name in _torchvision_names():
        return _torchvision(name)
    try:
        import timm
    except ImportError:
        timm = None
    if timm is not None and timm.is_model(name):
        return _timm(name)
    near = difflib.get_close_matches(name, backbone_names(), n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else "take alexnet, squeezenet1_0 or resnet50"
    more = "" if timm is not None else " (timm's are known once `handshape[timm]` is installed)"
    raise BackboneError(
        f"no backbone {name!r}{more}", "the name of a torchvision classification network", hint
    )


def _handnet() -> _Plan:
    network = handnet.HandNet()
    return _Plan(network, network, handnet.PREPROCESSING, handnet.packaged_weights, packaged=True)


def _torchvision(name: str) -> _Plan:
    meta = torchvision.models.get_model_weights(name)
    best = meta.DEFAULT
    usual = best.transforms()
    crop, options = usual.crop_size[0], dict[str, Any]()
    preprocessing = Preprocessing(crop, tuple(usual.mean), tuple(usual.std))
    if name in _INCEPTIONS:
        preprocessing, options = Preprocessing(crop, (0.5,) * 3, (0.5,) * 3), {"init_weights": False}
    elif name.startswith("vit_"):
        options = {"image_size": crop}  # the number of its patches is part of the network
    network = torchvision.models.get_model(name, weights=None, **options)
    return _Plan(network, _cut(network), preprocessing, lambda: best.get_state_dict(check_hash=True))


def _cut(network: nn.Module) -> nn.Module:
    """Return a torchvision network's layers before its classifier."""
    if isinstance(network, VisionTransformer):
        return _Patches(network)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for name, child in network.named_children():
        if name in _CLASSIFIERS:
            break
        if name not in _AUXILIARY:
            layers[name] = nn.Sequential(*child) if isinstance(child, nn.ModuleList) else child
    if isinstance(network, torchvision.models.DenseNet):
        layers["relu"] = nn.ReLU()  # applied in DenseNet.forward, not in its features
    return nn.Sequential(layers)


class _Patches(nn.Module):
    """A vision transformer's patch tokens as a map in space, without the class token."""

    def __init__(self, network: VisionTransformer) -> None:
        super().__init__()
        self.network = network
        network.heads = nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        tokens: Tensor = self.network._process_input(images)
        first = self.network.class_token.expand(len(tokens), -1, -1)
        encoded: Tensor = self.network.encoder(torch.cat([first, tokens], dim=1))[:, 1:]
        side = images.shape[-1] // self.network.patch_size
        return encoded.transpose(1, 2).reshape(len(images), -1, side, side)


def _timm(name: str) -> _Plan:
    import timm

    network = timm.create_model(name, pretrained=False, features_only=False)
    config = network.pretrained_cfg
    preprocessing = Preprocessing(config["input_size"][-1], tuple(config["mean"]), tuple(config["std"]))

    def download() -> Mapping[str, Tensor]:
        state: Mapping[str, Tensor] = timm.create_model(name, pretrained=True).state_dict()
        return state

    return _Plan(network, _TimmBody(network), preprocessing, download)


class _TimmBody(nn.Module):
    """A timm network up to its pooling, with features as (N, C, h, w)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        network.reset_classifier(0, "")  # type: ignore[operator]
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.network.forward_features(images)  # type: ignore[operator]
        if features.ndim == 3:  # tokens: (N, prefix + h·w, C)
            features = features[:, getattr(self.network, "num_prefix_tokens", 0) :]
            side = int(features.shape[1] ** 0.5)
            return features.transpose(1, 2).reshape(len(features), -1, side, side)
        if features.shape[-1] == getattr(self.network, "num_features", -1) != features.shape[1]:
            return features.permute(0, 3, 1, 2)  # networks that keep channels last, such as Swin
        return features
