"""Settings of ``handshape draw``."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from handshape.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class DrawConfig:
    """What to draw and where to put it."""

    out: Path = field(metadata={"positional": True, "help": "Folder to make."})
    labels: str = field(default="A-Z", metadata={"help": "Letters to draw, such as A,B,C or A-I."})
    signers: int = field(default=6, metadata={"help": "Number of signers."})
    images: int = field(default=40, metadata={"help": "Images per label and signer."})
    size: int = field(default=224, metadata={"help": "Height and width of an image, pixels."})
    style: Literal["studio", "room"] = field(
        default="studio", metadata={"help": "studio: black or plain background; room: a generated room."}
    )
    seed: int = field(default=0, metadata={"help": "Seed; the same seed draws the same bytes."})
    workers: int = field(default=0, metadata={"help": "Processes to draw with; 0 for one per core."})
    force: bool = field(default=False, metadata={"help": "Replace a folder that is not empty."})

    def __post_init__(self) -> None:
        _check("--signers", self.signers, 1, 10_000)
        _check("--images", self.images, 1, 1_000_000)
        _check("--size", self.size, 48, 1024)
        _check("--seed", self.seed, 0, 2**32 - 1)
        _check("--workers", self.workers, 0, 1024)
        if self.style not in ("studio", "room"):
            raise UsageError(f"--style {self.style!r}", "studio or room", "choose one of them")


def _check(flag: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise UsageError(f"{flag} {value}", f"a whole number from {low} to {high}", f"change {flag}")
