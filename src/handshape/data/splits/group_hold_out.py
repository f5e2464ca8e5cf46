"""Hold out validation photos in whole groups, for data whose test photos are elsewhere."""

import numpy as np
from numpy.typing import NDArray

from handshape.data.sample import Ids
from handshape.errors import SplitError


def hold_out_groups(classes: Ids, groups: Ids, fraction: float, seed: int) -> tuple[Ids, Ids]:
    """Split photos into train and valid by whole groups, stratified by label.

    Groups are visited in random order. A group is held out if it brings the counts per label closer to the
    fraction and leaves train a photo of each label. If no group can be held out, single photos are.

    Args:
        classes: (N,) int64 in [0, K).
        groups: (N,) int64, such as the signer or burst of each photo.
        fraction: Share for validation, in (0, 1).
        seed: Fixes the order.

    Returns:
        Indices of the training and of the validation photos, sorted.

    Raises:
        SplitError: No label has two photos.
    """
    for chosen in (groups, np.arange(len(classes))):
        held = _held_out(classes, chosen, fraction, np.random.default_rng(seed))
        if held.any():
            return np.flatnonzero(~held), np.flatnonzero(held)
    raise SplitError(
        f"{len(classes)} photos, one of each label: none can be held out for validation",
        "a label with two or more photos",
        "add photos",
    )


def _held_out(classes: Ids, groups: Ids, fraction: float, rng: np.random.Generator) -> NDArray[np.bool_]:
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
        taken[spare] = True  # larger than the fraction, such as one of two signers
    return np.asarray(taken[index])
