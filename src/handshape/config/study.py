"""Settings of the studies: experiments that answer one question each on the user's own photos."""

from dataclasses import dataclass

from handshape.config.augment import AugmentOptions
from handshape.config.data import DataConfig, OutConfig
from handshape.config.fields import flag_of, option
from handshape.config.finetune import FinetuneOptions
from handshape.config.train import LoopOptions
from handshape.errors import UsageError

_FEWEST_PHOTOS = 12


@dataclass(frozen=True, kw_only=True)
class StudyConfig(OutConfig, DataConfig):
    """The settings of every study: photos and backbone."""

    backbone: str = option(
        "alexnet", "Pretrained network: handnet, or any torchvision classification network."
    )
    weights: str | None = option(
        None,
        "File with the backbone's weights, or `untrained` (default: $HANDSHAPE_WEIGHTS, a download).",
    )


@dataclass(frozen=True, kw_only=True)
class AutoencoderConfig(StudyConfig):
    """Reconstruct photos from frozen features."""

    epochs: int = option(6, "Epochs on frozen features; a third as many from scratch, a sixth of tuning.")
    batch_size: int = option(16, "Photos in one step.")
    learning_rate: float = option(4e-3, "Highest learning rate of Adam.")
    photos: int = option(
        2000, "Most photos used, all parts of the split together; their features are kept at all places."
    )

    def __post_init__(self) -> None:
        """Check ranges."""
        super().__post_init__()
        _check_positive(self, "epochs", "batch_size", "learning_rate")
        if self.photos < _FEWEST_PHOTOS:
            raise UsageError(f"--photos {self.photos}", f"{_FEWEST_PHOTOS} or more", "change it")


@dataclass(frozen=True, kw_only=True)
class ChiralityConfig(StudyConfig, FinetuneOptions):
    """Classify photos against their mirror images."""

    epochs: int = option(LoopOptions.epochs, "Epochs of the CNN.")
    batch_size: int = option(LoopOptions.batch_size, "Photos in one step.")
    learning_rate: float = option(LoopOptions.learning_rate, "Learning rate of Adam, for the CNN.")
    weight_decay: float = option(LoopOptions.weight_decay, "Weight decay of Adam.")

    def __post_init__(self) -> None:
        """Check ranges."""
        super().__post_init__()
        _check_positive(self, "epochs", "batch_size", "learning_rate")
        if self.weight_decay < 0:
            raise UsageError(f"--weight-decay {self.weight_decay}", "zero or more", "change it")


@dataclass(frozen=True, kw_only=True)
class FinetuneConfig(StudyConfig, AugmentOptions):
    """Compare a tuned backbone with a frozen one."""

    sizes: str = option("1,2,5,10,20,all", "Training photos of each label, as a list with commas.")
    epochs: int = option(6, "Most epochs of tuning, and from scratch.")
    batch_size: int = option(16, "Photos in one step.")
    tuning_rate: float = option(3e-5, "Highest learning rate where a pretrained network is tuned.")

    def __post_init__(self) -> None:
        """Check ranges."""
        super().__post_init__()
        _check_positive(self, "epochs", "batch_size", "tuning_rate")
        parts = [part.strip() for part in self.sizes.split(",")]
        if not all(part == "all" or (part.isdecimal() and int(part) > 0) for part in parts):
            raise UsageError(
                f"--sizes {self.sizes!r}", "numbers of photos, or all", "write them like 1,5,20,all"
            )

    @property
    def counts(self) -> list[int | None]:
        """Photos of each label to try, in ascending order; ``None``, always last, for all of them."""
        parts = {part.strip() for part in self.sizes.split(",")}
        return [*sorted(int(part) for part in parts - {"all"}), *([None] if "all" in parts else [])]


def _check_positive(config: StudyConfig, *names: str) -> None:
    for name in names:
        if getattr(config, name) <= 0:
            raise UsageError(f"{flag_of(name)} {getattr(config, name)}", "a positive number", "change it")
