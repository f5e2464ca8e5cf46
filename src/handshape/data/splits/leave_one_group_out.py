"""Splits that leave each signer, or each source, out once."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from handshape.data.dataset import Dataset, GroupKind, SplitIndices
from handshape.data.splits.group_hold_out import hold_out
from handshape.errors import SplitError

Ids = NDArray[np.int64]
Flags = NDArray[np.bool_]
Names = NDArray[np.str_]


_MIN_SIGNERS = 3


@dataclass(frozen=True)
class FoldPlan:
    """The splits in which each signer, or each source, is left out once.

    Args:
        kind: What is left out.
        folds: Indices of the samples in each split, by the signer or source that is left out.
        signers_apart: For sources: whether nobody in a source that is left out is in training; ``None`` where
            not everyone is known.
        untested: For sources: number of photos that no fold tests, because their source is not known or no
            other source shows their label.
    """

    kind: GroupKind
    folds: dict[str, SplitIndices]
    signers_apart: bool | None = None
    untested: int = 0


def leave_one_signer_out(dataset: Dataset) -> FoldPlan:
    """Make one split for each signer: that signer is test, the one with fewest photos of the others is valid.

    Args:
        dataset: Samples with at least three known signers; those of unknown signers are always train.

    Returns:
        The plan.

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
    return FoldPlan("signer", folds)


def leave_one_source_out(dataset: Dataset, bursts: Ids, *, valid_fraction: float, seed: int) -> FoldPlan:
    """Make one split for each source: that source is test, and train and valid are from the others only.

    Valid is taken from the others by signer where two or more are known there, else in whole bursts; so
    neither training nor the choice of anything by valid has seen the source that is tested. Photos that are
    nearly the same as one of the source (of its bursts) take no part, and neither do those of its signers, if
    in every fold that costs no label and at most half of the photos. Where it costs more, because the same
    people are in every room, signers are on both sides, and the plan says so.

    Args:
        dataset: N samples from at least two known sources; those of unknown sources take no part.
        bursts: (N,) int64, group of near-identical photos that each sample belongs to.
        valid_fraction: Share of the other sources' photos for valid, in (0, 1).
        seed: Fixes which.

    Returns:
        The plan. A photo is tested where the other sources show its label.

    Raises:
        SplitError: Fewer than two sources are known, or the others show fewer than two labels, or none of
            those of the source.
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
    taught = set(dataset.classes[others])
    if len(taught) < 2:
        raise SplitError(
            f"without the source {name!r} there are photos of {len(taught)} label{'s' * (len(taught) != 1)}",
            "at least two labels in the other sources",
            "add photos to those, or choose another --source",
        )
    if not taught & set(dataset.classes[tested]):
        raise SplitError(
            f"no other source shows a label of the source {name!r}",
            "labels that several sources share",
            "add photos, or choose another --source",
        )


def _choose(
    classes: Ids, signer: Names, bursts: Ids, others: Ids, fraction: float, seed: int
) -> tuple[Ids, Ids]:
    """Set a part of the other sources' photos aside for valid: whole signers where two are known."""
    people, who = np.unique(signer[others], return_inverse=True)
    groups = bursts[others]
    if len(_known(people)) > 1:
        groups = np.where(signer[others] != "", who + groups.max() + 1, groups)
    train, valid = hold_out(classes[others], groups, fraction, seed)
    return others[train], others[valid]


def _known(signer: Names) -> Names:
    return np.unique(signer[signer != ""])


def _are_apart(folds: list[tuple[Names, Names]]) -> bool | None:
    """Return whether nobody is on both sides of any fold; ``None`` where somebody unknown may be."""
    if any(np.isin(_known(tested), others).any() for tested, others in folds):
        return False
    return True if all((tested != "").all() and (others != "").all() for tested, others in folds) else None
