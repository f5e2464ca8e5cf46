"""Settings of the studies: experiments that answer one question each on the user's own photos."""

import math
from dataclasses import dataclass, fields, replace
from typing import Any, Self

from handshape.config.augment import AugmentOptions
from handshape.config.data import DataConfig, OutConfig
from handshape.config.fields import flag_of, option
from handshape.config.finetune import FinetuneOptions
from handshape.config.train import LoopOptions
from handshape.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class StudyConfig(OutConfig, DataConfig):
    """The settings of every study: photos and backbone."""

    backbone: str = option(
        "alexnet",
        "Pretrained network: handnet, any torchvision classification network, or timm:NAME (extra `timm`).",
    )
    weights: str | None = option(
        None,
        "File with the backbone's weights, or `untrained` (default: $HANDSHAPE_WEIGHTS, a download).",
    )
    quick: bool = option(False, "Fewer epochs, sizes and photos: an answer in a minute or two, less exact.")

    def resolved(self) -> Self:
        """Return the settings, with those of a quick study in place if it is one."""
        return self

    def quickened(self, **settings: Any) -> Self:
        """Return the settings with these in place, if the study is a quick one.

        Raises:
            UsageError: One of these was set as well.
        """
        if not self.quick:
            return self
        usual = {field.name: field.default for field in fields(self)}
        for name in settings:
            if getattr(self, name) != usual[name]:
                raise UsageError(f"--quick with {flag_of(name)}", "one of them", "leave one out")
        return replace(self, **settings)


@dataclass(frozen=True, kw_only=True)
class AutoencoderConfig(StudyConfig):
    """Reconstruct photos from frozen features."""

    epochs: int = option(
        6, "Epochs on frozen features; a third as many from scratch, a sixth of tuning.", positive=True
    )
    batch_size: int = option(16, "Photos in one step.", positive=True)
    learning_rate: float = option(4e-3, "Highest learning rate of Adam.", positive=True)
    photos: int = option(
        2000,
        "Most photos used, all parts of the split together; their features are kept at all places.",
        within=(12, math.inf),
    )

    def resolved(self) -> Self:
        """Return the settings, with those of a quick study in place if it is one."""
        return self.quickened(epochs=3, photos=300)


@dataclass(frozen=True, kw_only=True)
class ChiralityConfig(StudyConfig, FinetuneOptions, LoopOptions):
    """Classify photos against their mirror images."""

    def resolved(self) -> Self:
        """Return the settings, with those of a quick study in place if it is one."""
        return self.quickened(epochs=2, tuning_epochs=1)


@dataclass(frozen=True, kw_only=True)
class FinetuneConfig(StudyConfig, AugmentOptions):
    """Compare a tuned backbone with a frozen one."""

    sizes: str = option("1,2,5,10,20,all", "Training photos of each label, as a list with commas.")
    epochs: int = option(6, "Most epochs of tuning, and from scratch.", positive=True)
    batch_size: int = option(16, "Photos in one step.", positive=True)
    tuning_rate: float = option(
        3e-5, "Highest learning rate where a pretrained network is tuned.", positive=True
    )

    def __post_init__(self) -> None:
        """Check the sizes."""
        super().__post_init__()
        parts = [part.strip() for part in self.sizes.split(",")]
        if not all(part == "all" or (part.isdecimal() and int(part) > 0) for part in parts):
            raise UsageError(
                f"--sizes {self.sizes!r}", "numbers of photos, or all", "write them like 1,5,20,all"
            )

    def resolved(self) -> Self:
        """Return the settings, with those of a quick study in place if it is one."""
        return self.quickened(sizes="1,5", epochs=2)

    @property
    def counts(self) -> list[int | None]:
        """Photos of each label to try, in ascending order; ``None``, always last, for all of them."""
        parts = {part.strip() for part in self.sizes.split(",")}
        return [*sorted(int(part) for part in parts - {"all"}), *([None] if "all" in parts else [])]
