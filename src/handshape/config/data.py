"""Settings shared by the commands that read labelled images."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from handshape.config.fields import argument, option


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Which images, whose hands, and how they are split."""

    data: Path = argument("Folder of label folders, of train, valid and test folders, or a CSV table.")
    labels: str | None = option(None, "Labels to keep: A,B,C or A-I.")
    signer: str | None = option(
        None, r"Regular expression with one group that finds the signer in a path: 'hand(\d+)_'."
    )
    split: Literal["auto", "given", "signer", "random"] = option(
        "auto", "How to split: as given, by signer (the default where signers are known), or at random."
    )
    valid_fraction: float = option(0.2, "Share of images for valid.")
    test_fraction: float = option(0.2, "Share of images for test.")
    seed: int = option(0, "Fixes every random choice.")
    strict: bool = option(False, "Stop at the first image that cannot be read, instead of leaving it out.")
    store: Path | None = option(None, "Folder of the feature store (default: the user's cache directory).")
    device: Literal["auto", "cpu", "cuda", "mps"] = option("auto", "Where networks run.")


@dataclass(frozen=True, kw_only=True)
class OutConfig:
    """Where a run goes."""

    out: Path | None = option(None, "Directory of the run (default: runs/<command>-<date>).")
    force: bool = option(False, "Replace an earlier run in --out.")
