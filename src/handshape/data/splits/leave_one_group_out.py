"""Cross-validation splits that leave out each signer, or each source, once."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from handshape.data.dataset import Dataset, GroupKind, Ids, SplitIndices
from handshape.data.splits.group_hold_out import hold_out_groups
from handshape.errors import SplitError

Flags = NDArray[np.bool_]
Names = NDArray[np.str_]

_MIN_SIGNERS = 3


@dataclass(frozen=True)
class FoldPlan:
    """One split for each signer, or each source, that is left out.

    Args:
        kind: What is left out.
        folds: Indices of the samples in each split, by the name of the signer or source that is left out.
        signers_apart: Whether no signer of a left-out signer or source is in training; ``None`` if some
            signers are unknown.
        untested: For sources: number of photos that no fold tests, because their source is unknown or no
            other source has their label.
    """

    kind: GroupKind
    folds: dict[str, SplitIndices]
    signers_apart: bool | None = None
    untested: int = 0


def leave_one_signer_out(dataset: Dataset) -> FoldPlan:
    """Make one split for each signer: test is that signer, valid the smallest of the others.

    Args:
        dataset: Samples with at least three known signers; those of unknown signers are always in train.

    Raises:
        SplitError: Fewer than three signers are known.
    """
    if len(dataset.signers) < _MIN_SIGNERS:
        raise SplitError(
            f"{len(dataset.signers)} known signers for --folds signers",
            "at least three",
            "name them with --signer or a signer column",
        )
    who = np.array([sample.signer or "" for sample in dataset.samples])
    sizes = Counter(who[who != ""].tolist())
    folds: dict[str, SplitIndices] = {}
    for signer in dataset.signers:
        smallest = min((name for name in sizes if name != signer), key=lambda name: (sizes[name], name))
        is_test, is_valid = who == signer, who == smallest
        folds[signer] = {
            "train": np.flatnonzero(~is_test & ~is_valid),
            "valid": np.flatnonzero(is_valid),
            "test": np.flatnonzero(is_test),
        }
    return FoldPlan("signer", folds, None if "" in who else True)


def leave_one_source_out(dataset: Dataset, bursts: Ids, *, valid_fraction: float, seed: int) -> FoldPlan:
    """Make one split for each source: test is that source, train and valid are from the others.

    Valid holds whole signers where two or more are known, else whole bursts. Photos in a burst of the tested
    source are left out. So are photos of its signers, if no fold loses a label or more than half of its
    photos by that; otherwise signers are in both training and test, and ``signers_apart`` says so.

    Args:
        dataset: N samples from at least two known sources; those of unknown sources are left out.
        bursts: (N,) int64, group of near-duplicates that each sample belongs to.
        valid_fraction: Share of the other sources' photos for validation, in (0, 1).
        seed: Fixes every random choice.

    Returns:
        The plan. A photo is tested if another source has its label.

    Raises:
        SplitError: Fewer than two sources are known, or the others have fewer than two labels, or none of
            the labels of the tested source.
    """
    names = dataset.sources
    if len(names) < 2:
        raise SplitError(
            f"{len(names)} known source{'s' * (len(names) != 1)} for --folds source",
            "at least two (rooms, cameras or collections)",
            "name them with --source or a source column",
        )
    source = np.array([sample.source or "" for sample in dataset.samples])
    signer = np.array([sample.signer or "" for sample in dataset.samples])
    tested = {name: source == name for name in names}
    others = {name: (source != "") & ~np.isin(bursts, bursts[own]) & ~own for name, own in tested.items()}
    strangers = {name: others[name] & ~np.isin(signer, _known(signer[own])) for name, own in tested.items()}
    classes = dataset.classes
    if all(_is_enough(classes, strangers[name], others[name]) for name in names):
        others = strangers
    folds: dict[str, SplitIndices] = {}
    for name in names:
        _check_labels(name, dataset, tested[name], others[name])
        train, valid = _choose(classes, signer, bursts, np.flatnonzero(others[name]), valid_fraction, seed)
        known = np.isin(classes, classes[others[name]])
        folds[name] = {"train": train, "valid": valid, "test": np.flatnonzero(tested[name] & known)}
    asked = sum(len(one["test"]) for one in folds.values())
    apart = _are_apart([(signer[tested[name]], signer[others[name]]) for name in names])
    return FoldPlan("source", folds, apart, len(dataset) - asked)


def _is_enough(classes: Ids, kept: Flags, all_of_them: Flags) -> bool:
    fewer = 2 * kept.sum() < all_of_them.sum()
    return not fewer and set(classes[kept]) == set(classes[all_of_them])


def _check_labels(name: str, dataset: Dataset, tested: Flags, others: Flags) -> None:
    trained = set(dataset.classes[others])
    if len(trained) < 2:
        raise SplitError(
            f"only {len(trained)} label{'s' * (len(trained) != 1)} without the source {name!r}",
            "at least two labels in the other sources",
            "add photos to those, or choose another --source",
        )
    if not trained & set(dataset.classes[tested]):
        raise SplitError(
            f"no other source has a label of the source {name!r}",
            "labels that two or more sources share",
            "add photos, or choose another --source",
        )


def _choose(
    classes: Ids, signer: Names, bursts: Ids, others: Ids, fraction: float, seed: int
) -> tuple[Ids, Ids]:
    """Split the other sources' photos into train and valid, by signer where two or more are known."""
    people, who = np.unique(signer[others], return_inverse=True)
    groups = bursts[others]
    if len(_known(people)) > 1:
        groups = np.where(signer[others] != "", who + groups.max() + 1, groups)
    train, valid = hold_out_groups(classes[others], groups, fraction, seed)
    return others[train], others[valid]


def _known(signer: Names) -> Names:
    return np.unique(signer[signer != ""])


def _are_apart(folds: list[tuple[Names, Names]]) -> bool | None:
    """Return whether train and test of every fold have no signer in common; ``None`` if unknown."""
    if any(np.isin(_known(tested), others).any() for tested, others in folds):
        return False
    return True if all((tested != "").all() and (others != "").all() for tested, others in folds) else None
