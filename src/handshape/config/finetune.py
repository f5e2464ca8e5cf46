"""Settings of fine-tuning."""

from dataclasses import dataclass
from typing import Literal

from handshape.config.fields import Settings, option


@dataclass(frozen=True, kw_only=True)
class FinetuneOptions(Settings):
    """How a backbone is tuned, from the head that was trained on its cached features."""

    unfreeze: Literal["last", "last2", "all"] = option(
        "all", "Which blocks of the backbone are tuned: the last, the last two, or all."
    )
    tuning_epochs: int = option(
        8, "Most passes over the training images while a backbone is tuned.", positive=True
    )
    tuning_rate: float = option(
        3e-5, "Highest learning rate of the last block; the first block's is a tenth of it.", positive=True
    )
    patience: int = option(
        3, "Tuning stops after so many passes without a better one on validation.", positive=True
    )

    @property
    def last(self) -> int | None:
        """How many of the last blocks are tuned; ``None`` for all."""
        return {"last": 1, "last2": 2, "all": None}[self.unfreeze]
