"""List the pretrained networks that can be backbones."""

from typing import Any

from handshape.config.backbones import BackbonesConfig
from handshape.errors import BackboneError
from handshape.models.backbones.catalogue import describe_backbone, find_names
from handshape.progress import track


def backbones(config: BackbonesConfig) -> list[dict[str, Any]]:
    """Return name, parameters, shape of the features, relative cost and weights of each network.

    Raises:
        BackboneError: No name fits the pattern.
        MissingExtraError: Names of timm are asked for, and the extra ``timm`` is not installed.
    """
    names = find_names(config.pattern)
    if not names:
        raise BackboneError(
            f"no backbone is called {config.pattern!r}",
            "a name or a pattern such as resnet*",
            "leave it out to list all",
        )
    found = []
    with track("Looking at networks", len(names)) as advance:
        for name in names:
            found.append(describe_backbone(name))
            advance(1)
    return found
