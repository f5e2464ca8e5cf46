"""How the benchmarks measure: alternating pairs, and medians of ratios."""

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

PAIRS = 5


@dataclass(frozen=True)
class Pairs:
    """Seconds of two rivals that took turns.

    Args:
        ours: Of handshape, one for each pair.
        theirs: Of its peer, in the same order.
    """

    ours: list[float]
    theirs: list[float]

    @property
    def ratio(self) -> float:
        """How many times faster handshape is: the median over the pairs."""
        return statistics.median(self.ratios)

    @property
    def ratios(self) -> list[float]:
        """Of each pair."""
        return [theirs / ours for ours, theirs in zip(self.ours, self.theirs, strict=True)]

    def row(self, name: str, wanted: float) -> str:
        """Return a line of the table: medians in seconds, ratio with its spread, what was asked for."""
        spread = f"{min(self.ratios):.2f}-{max(self.ratios):.2f}"
        seconds = f"{statistics.median(self.ours):.2f} s | {statistics.median(self.theirs):.2f} s"
        return f"| {name} | {seconds} | {self.ratio:.2f}x ({spread}) | {wanted:g}x |"


TABLE = "| what | handshape | peer | ratio (lowest-highest) | wanted |\n|---|---|---|---|---|"


def alternate(ours: Callable[[], object], theirs: Callable[[], object], pairs: int = PAIRS) -> Pairs:
    """Run two rivals in turn, the first of each pair changing, and time each run.

    Args:
        ours: Handshape's.
        theirs: The peer's.
        pairs: How many of each.

    Returns:
        The seconds of every run.
    """
    seconds: tuple[list[float], list[float]] = ([], [])
    for number in range(pairs):
        for who in (0, 1) if number % 2 == 0 else (1, 0):
            seconds[who].append(time_of((ours, theirs)[who]))
    return Pairs(*seconds)


def time_of(work: Callable[[], object]) -> float:
    """Return the seconds that some work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def heading() -> str:
    """Return machine, date and command, to stand above a table."""
    cores = torch.get_num_threads()
    versions = f"Python {platform.python_version()}, torch {torch.__version__.split('+')[0]}"
    command = " ".join(["python -m", _module(), *sys.argv[1:]])
    return f"{_processor()}, {cores} cores; {versions}; {date.today()}; `{command}`"


def _module() -> str:
    return f"benchmarks.{Path(sys.argv[0]).stem}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def operations(network: nn.Module, image: Tensor) -> int:
    """Return the floating-point operations that one image costs; a multiply-add counts as two.

    Args:
        network: In evaluation mode.
        image: (1, 3, H, W) float32.
    """
    # Not inference mode, in which the counter sees fused operations that it has no count for.
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(image)
    return int(counter.get_total_flops())


def options(description: str) -> argparse.ArgumentParser:
    """Return a parser with what every benchmark of speed can be told."""
    parser = argparse.ArgumentParser(description=description)
    place = os.environ.get("HANDSHAPE_DATA")
    parser.add_argument(
        "--data",
        type=Path,
        required=place is None,
        default=place,
        help="folder that holds the photo sets studio and webcam (default: $HANDSHAPE_DATA)",
    )
    parser.add_argument("--pairs", type=int, default=PAIRS, help="runs of each rival")
    return parser
