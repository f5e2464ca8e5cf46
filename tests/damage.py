"""Damage for tests: files in which one bit at a time is another."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

FLIPS = [pytest.param(8, id="few"), pytest.param(100, id="many", marks=pytest.mark.slow)]
"""How many bits are flipped: every day, and where there is time."""


def flip(data: bytes, seed: int) -> bytes:
    """Return bytes of which one bit is another."""
    chosen, changed = random.Random(seed), bytearray(data)
    # Half of the places are near an end, where formats keep what they know of the rest.
    place = chosen.choice([0, len(data) - 1, *[chosen.randrange(len(data))] * 2])
    if place in (0, len(data) - 1):
        place = min(max(abs(place - chosen.randrange(400)), 0), len(data) - 1)
    changed[place] ^= 1 << chosen.randrange(8)
    return bytes(changed)


def flipped(files: Sequence[Path], count: int) -> Iterator[Path]:
    """Flip one bit of one of the files, ``count`` times, and yield that file; the others stay whole."""
    before = {path: path.read_bytes() for path in sorted(files)}
    for seed in range(count):
        path = sorted(before)[seed % len(before)]
        if before[path]:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(flip(before[path], seed))
            yield path
            path.write_bytes(before[path])
