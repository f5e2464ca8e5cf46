"""Set a part of the photos aside to choose with, where the test is on photos that somebody else holds."""

import numpy as np
from numpy.typing import NDArray

from handshape.errors import SplitError

Ids = NDArray[np.int64]


def hold_out(classes: Ids, groups: Ids, fraction: float, seed: int) -> tuple[Ids, Ids]:
    """Split photos into train and valid with whole groups, each label shared out alike.

    Groups are taken in a random order, each that brings the counts per label closer to the fraction, and
    none that would leave train without a label. Where no group can be spared, single photos are.

    Args:
        classes: (N,) int64 in [0, K).
        groups: (N,) int64, such as the signer or burst of each photo.
        fraction: Share wanted for valid, in (0, 1).
        seed: Fixes the order.

    Returns:
        The indices of train and of valid, both in order.

    Raises:
        SplitError: No label has two photos.
    """
    for chosen in (groups, np.arange(len(classes))):
        held = _held(classes, chosen, fraction, np.random.default_rng(seed))
        if held.any():
            return np.flatnonzero(~held), np.flatnonzero(held)
    raise SplitError(
        f"{len(classes)} photos, none of which can be spared to choose with",
        "a label with two or more photos",
        "add photos",
    )


def _held(classes: Ids, groups: Ids, fraction: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    index = np.unique(groups, return_inverse=True)[1]
    counts = np.zeros((index.max() + 1, classes.max() + 1))
    np.add.at(counts, (index, classes), 1)
    left, held = counts.sum(axis=0), np.zeros(counts.shape[1])
    wanted = fraction * left
    taken = np.zeros(len(counts), dtype=np.bool_)
    nearest, spare = np.inf, -1
    for group in rng.permutation(len(counts)):
        if (left - counts[group] <= 0)[counts[group] > 0].any():
            continue
        off = float(np.abs(held + counts[group] - wanted).sum())
        if off < np.abs(held - wanted).sum():
            taken[group], held, left = True, held + counts[group], left - counts[group]
        elif off < nearest:
            nearest, spare = off, int(group)
    if not taken.any() and spare >= 0:
        taken[spare] = True  # more than the fraction, such as one of two signers
    return np.asarray(taken[index])
