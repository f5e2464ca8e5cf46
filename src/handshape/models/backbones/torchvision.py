"""Torchvision's classification networks, cut before their classifiers. Importing it takes seconds."""

from collections import OrderedDict
from typing import Any

import torchvision.models
from torch import Tensor, nn
from torchvision.models.vision_transformer import VisionTransformer

from handshape.data.images.decode import Preprocessing
from handshape.models.backbones.spec import BackboneSpec

# Where the classifier of a torchvision network begins, among its children.
_CLASSIFIERS = ("avgpool", "classifier", "fc", "head", "heads", "dropout")
_AUXILIARY = ("aux1", "aux2", "AuxLogits")
# Networks that were trained on images in [-1, 1]; torchvision converts its own normalisation inside them.
# They can also be made without first weights, which take half a minute to draw.
_INCEPTIONS = ("googlenet", "inception_v3")


def names() -> list[str]:
    """Return the names of torchvision's classification networks."""
    return list(torchvision.models.list_models(module=torchvision.models))


def torchvision_spec(name: str) -> BackboneSpec:
    """Return the specification of one of the networks in `names`.

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
    return BackboneSpec(
        network,
        _cut(network),
        preprocessing,
        lambda: best.get_state_dict(check_hash=True),
        address=best.url,
    )


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
        network.encoder.register_forward_hook(_keep_all_tokens)

    def forward(self, images: Tensor) -> Tensor:
        tokens: Tensor = self.network(images)[:, 1:]
        side = images.shape[-1] // self.network.patch_size
        return tokens.transpose(1, 2).reshape(images.shape[0], -1, side, side)


def _keep_all_tokens(encoder: nn.Module, inputs: tuple[Tensor, ...], tokens: Tensor) -> Tensor:
    """Return (N, 1, T, C) tokens: the network takes the first along the second axis for its classifier."""
    return tokens[:, None]
