"""Settings of ``handshape draw``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from handshape.config.fields import Settings, argument, cache_option, option


@dataclass(frozen=True, kw_only=True)
class DrawConfig(Settings):
    """Generate a synthetic hand-sign data set."""

    out: Path = argument("Folder to write.")
    labels: str = option("A-Z", "Letters to draw, such as A,B,C or A-I.")
    signers: int = option(6, "Number of signers.", within=(1, 10_000))
    images: int = option(40, "Images per label and signer.", within=(1, 1_000_000))
    size: int = option(224, "Height and width of an image, pixels.", within=(48, 1024))
    style: Literal["studio", "room", "outdoor"] = option(
        "studio",
        "studio: black or plain background; room: a generated room; outdoor: sky, leaves and ground.",
    )
    seed: int = option(0, "Seed of every random choice.", within=(0, 2**32 - 1))
    workers: int = option(0, "Number of processes; 0 for one per core.", within=(0, 1024))
    force: bool = option(False, "Replace a folder that is not empty.")


@dataclass(frozen=True, kw_only=True)
class DemoConfig(Settings):
    """Try everything on drawn hands."""

    out: Path = option(Path("runs/demo"), "Folder of the run; the drawn photos go into a folder beside it.")
    labels: str = option("A-I", "Letters to draw.")
    # Three signers are the fewest that a split by signer can have.
    signers: int = option(6, "Number of drawn signers.", within=(3, 10_000))
    images: int = option(10, "Images per label and signer.", within=(1, 1_000_000))
    seed: int = option(7, "Seed of every random choice.")
    cache: Path | None = cache_option()
    device: Literal["auto", "cpu", "cuda", "mps"] = option(
        "auto", "Where networks run: auto takes a GPU if there is one."
    )
    force: bool = option(False, "Replace the run that is in --out.")
