"""Settings of ``handshape backbones``."""

from dataclasses import dataclass

from handshape.config.fields import Settings, argument


@dataclass(frozen=True, kw_only=True)
class BackbonesConfig(Settings):
    """List the pretrained networks there are."""

    pattern: str | None = argument(
        "Names to list, such as resnet* or timm:convnext* (extra `timm`); all but timm's if left out.",
        optional=True,
    )
