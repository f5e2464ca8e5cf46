"""Networks of timm, cut before their pooling. It needs the ``timm`` extra."""

from collections.abc import Mapping
from typing import Any

import timm
from torch import Tensor, nn

from handshape.data.images.decode import Preprocessing
from handshape.models.backbones.spec import BackboneSpec


def is_known(name: str) -> bool:
    """Return whether timm has a network of this name."""
    return bool(timm.is_model(name))


def timm_spec(name: str) -> BackboneSpec:
    """Return the specification of a network of timm.

    Source: https://huggingface.co/docs/timm
    """
    network = timm.create_model(name, pretrained=False)
    config: Any = network.pretrained_cfg
    preprocessing = Preprocessing(config["input_size"][-1], tuple(config["mean"]), tuple(config["std"]))

    def download() -> Mapping[str, Tensor]:
        state: Mapping[str, Tensor] = timm.create_model(name, pretrained=True).state_dict()
        return state

    return BackboneSpec(network, _Body(network), preprocessing, download)


class _Body(nn.Module):
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
            return features.transpose(1, 2).reshape(features.shape[0], -1, side, side)
        if features.shape[-1] == getattr(self.network, "num_features", -1) != features.shape[1]:
            return features.permute(0, 3, 1, 2)  # networks that keep channels last, such as Swin
        return features
