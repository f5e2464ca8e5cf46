"""Laying out and listing a folder, against a plain `os.walk` of it: ``python -m benchmarks.layout``."""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import PAIRS, Pairs
from handshape.data.io.folder import read_folder

_FILES, _LABELS = 50_000, 50


def main() -> None:
    """Print both times and their ratio; files are empty, because nothing is decoded."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place) / "photos"
        for label in range(_LABELS):
            (root / f"sign {label:02}").mkdir(parents=True)
            for number in range(_FILES // _LABELS):
                (root / f"sign {label:02}" / f"signer{number % 40}_{number}.jpg").touch()
        pairs = Pairs([], [])
        for _ in range(PAIRS):
            pairs.theirs.append(_seconds(lambda: sum(len(files) for *_, files in os.walk(root))))
            pairs.ours.append(_seconds(lambda: len(read_folder(root, signer=r"signer(\d+)_"))))
    ours, theirs = min(pairs.ours), min(pairs.theirs)
    print(f"{_FILES:,} files in {_LABELS} labels, signers found in their names, best of {PAIRS}")
    print(
        f"os.walk {theirs:.2f} s, read_folder {ours:.2f} s: {ours / theirs:.1f} times, "
        f"{ours - theirs:.2f} s more"
    )


def _seconds(work: Callable[[], int]) -> float:
    start = time.perf_counter()
    assert work() == _FILES
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
