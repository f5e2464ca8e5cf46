"""Settings shared by the commands that read labelled images."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from handshape.config.fields import Settings, argument, option
from handshape.errors import UsageError

STORE_HELP = "Folder of the cache (default: the user's cache directory)."
DATA_HELP = "Folder of label folders, of train, valid and test folders, or a CSV table."


@dataclass(frozen=True, kw_only=True)
class DataOptions(Settings):
    """Whose hands, from where, which labels, and how the images are split."""

    labels: str | None = option(None, "Labels to keep: A,B,C or A-I.")
    signer: str | None = option(
        None, r"Regular expression with one group that finds the signer in a path: 'hand(\d+)_'."
    )
    source: str | None = option(
        None,
        "Where photos come from (room, camera, collection). In a table: the column that says so (default: "
        r"`source`). In folders: `folder` for <source>/<label>/*, or an expression like 'room(\d+)_'.",
    )
    split: Literal["auto", "given", "signer", "random"] = option(
        "auto", "How to split: as given, by signer (the default where signers are known), or at random."
    )
    valid_fraction: float = option(0.2, "Share of images for valid.")
    test_fraction: float = option(0.2, "Share of images for test.")
    seed: int = option(0, "Fixes every random choice.")
    strict: bool = option(False, "Stop at the first image that cannot be read, instead of leaving it out.")
    store: Path | None = option(None, STORE_HELP)
    device: Literal["auto", "cpu", "cuda", "mps"] = option("auto", "Where networks run.")

    def __post_init__(self) -> None:
        """Check ranges."""
        super().__post_init__()
        check_fractions(self.valid_fraction, self.test_fraction)
        if self.seed < 0:
            raise UsageError(f"--seed {self.seed}", "zero or a positive whole number", "change it")


@dataclass(frozen=True, kw_only=True)
class DataConfig(DataOptions):
    """Which images, whose hands, from where, and how they are split."""

    data: Path = argument(DATA_HELP)


@dataclass(frozen=True, kw_only=True)
class OutConfig(Settings):
    """Where a run goes."""

    out: Path | None = option(None, "Directory of the run (default: runs/<command>-<date>).")
    force: bool = option(False, "Replace an earlier run in --out.")


def check_fractions(valid: float, test: float) -> None:
    """Refuse shares of images that leave nothing for one side of a split.

    Args:
        valid: Share of images for valid.
        test: Share of images for test.

    Raises:
        UsageError: One is not positive, or nothing is left to train on.
    """
    if not (valid > 0 and test > 0 and valid + test < 1):
        raise UsageError(
            f"fractions of {valid} for valid and {test} for test",
            "two positive numbers whose sum is below 1",
            "change --valid-fraction or --test-fraction",
        )
