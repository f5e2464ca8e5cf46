"""Settings of views: what may be done to a training photo."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from handshape.config.fields import Settings, option
from handshape.errors import DataNotFoundError, UsageError


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
    background: Literal["keep", "new"] = option(
        "keep", "Set hands from plain backgrounds before noise, gradients and generated rooms in views."
    )
    backgrounds: Path | None = option(
        None,
        "Folder of photos of rooms without hands, for --background new; taken instead of generated ones.",
    )

    def __post_init__(self) -> None:
        """Check that what is asked for goes together."""
        super().__post_init__()
        if self.augment == "none" and (self.mirror or self.background == "new"):
            raise UsageError(
                "--augment none with --mirror or --background new", "one of them", "leave one out"
            )
        if self.backgrounds is not None and self.background == "keep":
            raise UsageError(
                "--backgrounds with --background keep", "--background new", "add it, or leave out the folder"
            )
        if self.backgrounds is not None and not self.backgrounds.is_dir():
            raise DataNotFoundError(
                f"no folder {str(self.backgrounds)!r}", "a folder of photos of rooms", "check --backgrounds"
            )
