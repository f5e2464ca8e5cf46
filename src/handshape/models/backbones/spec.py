"""Specification of a backbone, whichever library its network is from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from handshape.data.images.decode import Preprocessing


@dataclass(frozen=True)
class BackboneSpec:
    """A network built without weights, cut, and where its own weights come from.

    Args:
        network: The whole network, whose names of tensors its weights have.
        body: The layers of it before its classifier, from (N, 3, H, W) to (N, C, h, w).
        preprocessing: What its weights were trained with.
        download: Gets its own weights, and checks their hash.
        packaged: Whether the weights come with the package.
        address: Where the weights are downloaded from, if that is known.
    """

    network: nn.Module
    body: nn.Module
    preprocessing: Preprocessing
    download: Callable[[], Mapping[str, Tensor]]
    packaged: bool = False
    address: str | None = None
