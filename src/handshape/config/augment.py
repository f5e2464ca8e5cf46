"""Settings of augmentation."""

from dataclasses import dataclass
from typing import Literal

from handshape.config.fields import Settings, option
from handshape.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class AugmentOptions(Settings):
    """How training photos are augmented."""

    augment: Literal["none", "moves"] = option(
        "moves", "Augmentation: rotation, scale, shift and brightness (moves), or none."
    )
    mirror: bool = option(
        False,
        "Mirror half of the augmented photos. Use it when left-handed people are to be understood as well; "
        "not if a mirrored sign has another meaning.",
    )

    def __post_init__(self) -> None:
        """Check that what is asked for goes together."""
        super().__post_init__()
        if self.augment == "none" and self.mirror:
            raise UsageError("--augment none with --mirror", "one of them", "leave one out")
