"""Leave each signer out once, to measure taught signs on people who did not teach them."""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from handshape.data.dataset import Dataset, SplitIndices
from handshape.data.splits.leave_one_group_out import leave_one_signer_out


def leave_signers_out(dataset: Dataset, known: Collection[str] = ()) -> tuple[list[SplitIndices], float]:
    """Return a split for each signer left out, and the share of photos that no split tests.

    Args:
        dataset: The photos.
        known: Labels of the recogniser that the photos are added to.

    Returns:
        The splits; their test photos are of labels that somebody else shows, or that are among these.
    """
    if len(dataset.signers) < 2:
        return [], 1.0
    plans = leave_one_signer_out(dataset).folds if len(dataset.signers) > 2 else _of_two_signers(dataset)
    classes, untested, splits = dataset.classes, 0, []
    before = [number for number, label in enumerate(dataset.labels) if label in known]
    for split in plans.values():
        trained = np.concatenate([classes[split["train"]], classes[split["valid"]], before])
        can_know = np.isin(classes[split["test"]], trained)
        untested += int((~can_know).sum())
        if can_know.any():
            splits.append({**split, "test": split["test"][can_know]})
    return splits, untested / len(dataset)


def _of_two_signers(dataset: Dataset) -> dict[str, SplitIndices]:
    signers = np.array([sample.signer or "" for sample in dataset.samples])
    return {
        signer: {
            **halves(dataset.classes, np.flatnonzero(signers != signer)),
            "test": np.flatnonzero(signers == signer),
        }
        for signer in dataset.signers
    }


def halves(classes: NDArray[np.int64], indices: NDArray[np.int64]) -> SplitIndices:
    """Split photos in the order they were taken, so that most of a burst is on one side."""
    first: list[int] = []
    for label in np.unique(classes[indices]):
        own = indices[classes[indices] == label]
        first += own[: (len(own) + 1) // 2].tolist()
    train = np.array(sorted(first), dtype=np.int64)
    return {"train": train, "valid": np.setdiff1d(indices, train)}
