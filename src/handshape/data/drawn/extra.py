"""Drawn hands as training photos: seen from further aside than people are used to, in rooms and outdoors."""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handshape.data.drawn.picture import draw_image
from handshape.data.drawn.poses import LETTERS, find_letter
from handshape.data.drawn.scene import Style
from handshape.data.drawn.signer import make_signer
from handshape.data.held import StoredImages, held_file, hold, is_held
from handshape.progress import track

SIGNERS, IMAGES = 56, 7
"""Signers, and pictures of each of them making each letter."""

_SEED = 7
# How far a hand is turned to the viewer beyond the letter's usual views: turn, tilt and roll, degrees.
_ASIDE = np.array([22.0, 14.0, 6.0])
_VERSION = 1  # of what is drawn: to be raised where the drawing changes


@dataclass(frozen=True)
class DrawnHands:
    """Pictures of drawn hands.

    Args:
        images: M pictures.
        labels: (M,) the letter of each.
        signers: (M,) int64, who makes it, from 1.
    """

    images: StoredImages
    labels: NDArray[np.str_]
    signers: NDArray[np.int64]


def drawn_hands(labels: Sequence[str], store: Path, size: int) -> DrawnHands | None:
    """Draw hands for the labels that are letters, or read them from the store.

    Args:
        labels: Labels of a data set.
        store: The store's folder.
        size: Height and width, pixels.

    Returns:
        The hands, or ``None`` where no label is a letter from A to Z.
    """
    letters = [label for label in labels if label in LETTERS]
    if not letters:
        return None
    jobs = [(letter, signer) for letter in letters for signer in range(1, SIGNERS + 1)]
    names = [f"drawn {_VERSION} {letter} {signer} {i}" for letter, signer in jobs for i in range(IMAGES)]
    digests = [blake2b(name.encode(), digest_size=16).hexdigest() for name in names]
    path = held_file(store, digests, size)
    if not is_held(path, len(names), size):
        with hold(path, digests, size) as filling, track("Drawing hands", len(names)) as advance:
            for number, pictures in enumerate(_drawn(jobs, size)):
                for index, picture in enumerate(pictures):
                    filling.put(number * IMAGES + index, picture)
                advance(len(pictures))
    rows = np.arange(len(names), dtype=np.int64)
    of = np.array([letter for letter, _ in jobs]).repeat(IMAGES)
    return DrawnHands(StoredImages(path, rows, size), of, np.array([s for _, s in jobs]).repeat(IMAGES))


def _drawn(jobs: Sequence[tuple[str, int]], size: int) -> Iterator[list[NDArray[np.uint8]]]:
    done = 0
    try:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(os.cpu_count(), mp_context=context) as pool:
            for pictures in pool.map(partial(_draw, size), jobs, chunksize=8):
                yield pictures
                done += 1
    except BrokenProcessPool:
        # A script that begins without asking whether it is the main module cannot start processes.
        yield from (_draw(size, job) for job in jobs[done:])


def _draw(size: int, job: tuple[str, int]) -> list[NDArray[np.uint8]]:
    label, number = job
    signer, views, pictures = make_signer(number, _SEED), find_letter(label).views, []
    for index in range(IMAGES):
        rng = np.random.default_rng([_SEED, number, ord(label), index])
        usual = views[int(rng.integers(len(views)))] if rng.random() < 0.5 else views[0]
        turn, tilt, roll = (np.array(usual) + _ASIDE * rng.standard_normal(3).clip(-2, 2)).tolist()
        style: Style = "room" if rng.random() < 0.75 else "outdoor"
        view = turn, tilt, roll
        drawn = draw_image(label, signer, seed=_SEED, index=index, size=size, style=style, view=view)
        pictures.append(drawn.pixels)
    return pictures
