"""Settings of views: what may be done to a training photo."""

from dataclasses import dataclass
from typing import Literal

from handshape.config.fields import Settings, option
from handshape.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class AugmentOptions(Settings):
    """What views of training photos look like."""

    augment: Literal["none", "moves", "strong"] = option(
        "moves",
        "What views are: turned, scaled, shifted and lit (moves); with perspective, colour, blur and erased "
        "patches too (strong); or none.",
    )
    mirror: bool = option(
        False,
        "Make half of the views mirror images. A mirrored sign is a left-handed signer's: for data of which "
        "both hands shall be read, and never for signs whose mirror image means something else.",
    )

    def __post_init__(self) -> None:
        """Check that what is asked for goes together."""
        super().__post_init__()
        if self.augment == "none" and self.mirror:
            raise UsageError("--augment none with --mirror", "one of them", "leave one out")
