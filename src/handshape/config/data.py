"""Settings shared by the commands that read labelled images."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from handshape.config.engine import EngineOptions
from handshape.config.fields import Settings, argument, cache_option, option
from handshape.errors import UsageError

DATA_HELP = (
    "Folder with a folder of photos for each label, or with train, valid and test folders; a zip or tar "
    "archive of one; or a table (CSV, TSV)."
)


@dataclass(frozen=True, kw_only=True)
class ReadingOptions(EngineOptions):
    """Which photos and labels."""

    labels: str | None = option(None, "Labels to use: A,B,C or A-I (default: all).")
    signer: str | None = option(
        None,
        r"Regular expression with one group that finds the signer in a path, such as 'hand(\d+)_', or "
        "`folder` for <signer>/<label>/*.",
    )
    source: str | None = option(
        None,
        "Where photos come from: room, camera or collection. In a table, the name of the column (default: "
        r"`source`). In folders, `folder` for <source>/<label>/*, or an expression like 'room(\d+)_'.",
    )
    label_from: str | None = option(
        None,
        "For photos in no label folder: regular expression with one group that finds the label in a path, "
        "such as '([^/_]+)_[^/]*$'.",
    )
    layout: Literal["auto", "labels"] = option(
        "auto", "labels: the folders in DATA are the labels, whatever their names and what is in them."
    )
    no_follow_links: bool = option(False, "List links in DATA as not used, instead of following them.")
    exclude: Path | None = option(
        None, "File with names of photos to leave out, one in each line, such as A/photo1.jpg."
    )
    strict: bool = option(False, "Stop at the first photo that cannot be read, instead of leaving it out.")
    cache: Path | None = cache_option()


@dataclass(frozen=True, kw_only=True)
class DataOptions(ReadingOptions):
    """Which photos and labels, and how they are split."""

    split: Literal["auto", "given", "signer", "random"] = option(
        "auto",
        "How to split the photos: as given, by signer, or at random. auto takes the first that is possible.",
    )
    valid_fraction: float = option(0.2, "Share of photos for validation.")
    test_fraction: float = option(0.2, "Share of photos for testing.")
    seed: int = option(0, "Seed of every random choice.", within=(0, math.inf))
    device: Literal["auto", "cpu", "cuda", "mps"] = option(
        "auto", "Where networks run: auto takes a GPU if there is one."
    )

    def __post_init__(self) -> None:
        """Check the fractions."""
        super().__post_init__()
        check_fractions(self.valid_fraction, self.test_fraction)


@dataclass(frozen=True, kw_only=True)
class DataConfig(DataOptions):
    """A data set and how it is split."""

    data: Path = argument(DATA_HELP)


@dataclass(frozen=True, kw_only=True)
class OutConfig(Settings):
    """Where a run is written."""

    out: Path | None = option(None, "Folder of the run (default: runs/<command>-<date>).")
    force: bool = option(False, "Replace the run that is in --out.")


def check_fractions(valid: float, test: float) -> None:
    """Refuse shares of photos that leave a split empty.

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
