"""Torchvision's classification networks, cut before their classifiers. Importing it takes seconds."""

from collections import OrderedDict
from typing import Any

import torch
import torchvision.models
from torch import Tensor, nn
from torchvision.models.vision_transformer import VisionTransformer

from handshape.data.images.decode import Preprocessing
from handshape.models.backbones.spec import Plan

# Where the classifier of a torchvision network begins, among its children.
_CLASSIFIERS = ("avgpool", "classifier", "fc", "head", "heads", "dropout")
_AUXILIARY = ("aux1", "aux2", "AuxLogits")
# Networks that were trained on images in [-1, 1]; torchvision converts its own normalisation inside them.
# They can also be made without first weights, which take half a minute to draw.
_INCEPTIONS = ("googlenet", "inception_v3")


def names() -> list[str]:
    """Return the names of torchvision's classification networks."""
    return list(torchvision.models.list_models(module=torchvision.models))


def plan(name: str) -> Plan:
    """Plan one of the networks in `names`.

    Source: https://pytorch.org/vision/stable/models.html
    """
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
    return Plan(network, _cut(network), preprocessing, lambda: best.get_state_dict(check_hash=True))


def _cut(network: nn.Module) -> nn.Module:
    """Return a network's layers before its classifier."""
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
        # shape[0] and not len(), which export would take for a constant.
        tokens: Tensor = self.network._process_input(images)
        first = self.network.class_token.expand(tokens.shape[0], -1, -1)
        encoded: Tensor = self.network.encoder(torch.cat([first, tokens], dim=1))[:, 1:]
        side = images.shape[-1] // self.network.patch_size
        return encoded.transpose(1, 2).reshape(images.shape[0], -1, side, side)
