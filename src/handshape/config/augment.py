"""Settings of augmentation."""

from dataclasses import dataclass

from handshape.config.fields import Settings, option
from handshape.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class AugmentOptions(Settings):
    """How training photos are augmented: rotated, scaled, shifted and lit otherwise."""

    # More views gained no accuracy on signers who were left out: docs/research/head.md.
    views: int = option(
        1,
        "Augmented copies of each training photo that features are computed of; 0 for no augmentation.",
        within=(0, 100),
    )
    mirror: bool = option(
        False,
        "Mirror half of the augmented photos. Use it when left-handed people are to be understood as well; "
        "not if a mirrored sign has another meaning.",
    )

    def __post_init__(self) -> None:
        """Check that what is asked for goes together."""
        super().__post_init__()
        if self.mirror and not self.views:
            raise UsageError("--views 0 with --mirror", "one of them", "leave one out")
