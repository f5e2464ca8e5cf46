"""Assign samples to training, validation and test: as given, by signer, or at random per label."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from handshape.config.data import check_fractions
from handshape.data.sample import SPLITS, Ids, Sample, SplitName
from handshape.data.splits.group_hold_out import hold_out_groups
from handshape.errors import SplitError

SplitKind = Literal["given", "signer", "random"]
SplitOption = Literal["auto", "given", "signer", "random"]
# Random assignments of signers, of which the best is kept.
_DRAWS = 2000


@dataclass(frozen=True)
class Assignment:
    """The split of each sample, and how it was found.

    Args:
        names: N splits, in the order of the samples.
        kind: ``signer``: each signer in one split; ``random``: per label; ``given``: by the folders or table.
        cut: The split that was not given and was cut from training, and by what: signer, burst or photo.
    """

    names: Sequence[SplitName]
    kind: SplitKind
    cut: tuple[SplitName, str] | None = None


def assign_splits(
    samples: Sequence[Sample],
    classes: Ids,
    *,
    kind: SplitOption,
    valid_fraction: float,
    test_fraction: float,
    seed: int,
    bursts: Ids | None = None,
) -> Assignment:
    """Assign every sample to a split; the settings are those of `split_dataset`.

    Args:
        samples: N samples.
        classes: (N,) int64, class of each.
        kind: How to split.
        valid_fraction: Share of images for validation, in (0, 1).
        test_fraction: Share of images for the test, in (0, 1).
        seed: Fixes every random choice.
        bursts: (N,) group of each sample, which a random split keeps together.

    Raises:
        UsageError: The fractions leave nothing to train on.
        SplitError: A split would be empty, or the data lacks what ``kind`` needs.
    """
    check_fractions(valid_fraction, test_fraction)
    resolved = resolve_kind(samples, kind)
    fractions, rng = (valid_fraction, test_fraction), np.random.default_rng(seed)
    names: Sequence[SplitName]
    cut = None
    if resolved == "given":
        missing: dict[SplitName, float] = {"valid": valid_fraction, "test": test_fraction}
        names, cut = _given(samples, classes, bursts, missing, seed)
    elif resolved == "signer":
        names = _by_signer(samples, classes, fractions, rng)
    else:
        names = _per_label(classes, bursts, fractions, rng)
    for name in SPLITS:
        if name not in names:
            raise SplitError(
                f"no image for {name} in a {resolved} split",
                "images in train, valid and test",
                "add photos, change the fractions, or choose another --split",
            )
    return Assignment(names, resolved, cut)


def resolve_kind(samples: Sequence[Sample], kind: SplitOption) -> SplitKind:
    """Return the kind of split that ``auto`` means for samples; other kinds as they are."""
    if kind == "auto":
        if any(sample.split for sample in samples):
            return "given"
        return "signer" if len(_signers(samples)) >= len(SPLITS) else "random"
    return kind


def _signers(samples: Sequence[Sample]) -> list[str]:
    return sorted({sample.signer for sample in samples if sample.signer is not None})


def _given(
    samples: Sequence[Sample], classes: Ids, bursts: Ids | None, fractions: dict[SplitName, float], seed: int
) -> tuple[list[SplitName], tuple[SplitName, str] | None]:
    given = [sample.split for sample in samples if sample.split is not None]
    if len(given) < len(samples):
        raise SplitError(
            f"{len(samples) - len(given)} of {len(samples)} images have no given split",
            "train, valid and test folders, or a split in every line of the table",
            "complete it, or choose --split random or --split signer",
        )
    missing = [name for name in SPLITS if name not in given]
    if len(missing) != 1 or missing == ["train"]:
        return given, None
    (name,) = missing
    train = np.flatnonzero(np.array(given) == "train")
    signers = [samples[int(i)].signer for i in train]
    groups = train if bursts is None else bursts[train]
    by = "photo" if bursts is None else "burst"
    if len(set(signers)) > 1 and None not in signers:
        groups, by = np.unique([str(signer) for signer in signers], return_inverse=True)[1], "signer"
    held = hold_out_groups(classes[train], groups, fractions[name], seed)[1]
    for i in train[held]:
        given[i] = name
    return given, (name, by)


def _by_signer(
    samples: Sequence[Sample], classes: Ids, fractions: tuple[float, float], rng: np.random.Generator
) -> list[SplitName]:
    signers = _signers(samples)
    if len(signers) < len(SPLITS):
        raise SplitError(
            f"{len(signers)} known signer{'s' * (len(signers) != 1)}",
            "at least three for a split by signer, one for each of train, valid and test",
            "name them with --signer, or choose --split random",
        )
    index = np.array([signers.index(s.signer) if s.signer is not None else -1 for s in samples])
    counts = np.zeros((len(signers), classes.max() + 1))
    np.add.at(counts, (index[index >= 0], classes[index >= 0]), 1)
    split_of = _best_assignment(counts, fractions, rng)
    return [SPLITS[split_of[i]] if i >= 0 else "train" for i in index]


def _best_assignment(
    counts: NDArray[np.float64], fractions: tuple[float, float], rng: np.random.Generator
) -> NDArray[np.int8]:
    """Draw assignments of signers; keep the one with fewest labels missing in train, then the best sizes."""
    wanted = np.array([1 - sum(fractions), *fractions])
    below = wanted.cumsum() / wanted.cumsum()[-1]
    drawn = np.empty((_DRAWS, len(counts)), dtype=np.int8)
    for splits in drawn:
        splits[:] = below.searchsorted(rng.random(len(counts)), side="right")
        splits[rng.permutation(len(counts))[: len(SPLITS)]] = range(len(SPLITS))  # each split has a signer
    photos = counts.sum(axis=1)
    sizes = np.stack([(drawn == split) @ photos for split in range(len(SPLITS))], axis=1) / photos.sum()
    absent = ((drawn == 0) @ counts == 0).sum(axis=1)
    # A train split that is too small counts double.
    lacking = np.abs(sizes - wanted).sum(axis=1) + np.maximum(0.0, wanted[0] - sizes[:, 0])
    best: NDArray[np.int8] = drawn[np.lexsort((lacking.round(6), absent))[0]]
    return best


def _per_label(
    classes: Ids, bursts: Ids | None, fractions: tuple[float, float], rng: np.random.Generator
) -> list[SplitName]:
    groups = np.arange(len(classes)) if bursts is None else bursts
    split_of: dict[int, SplitName] = {}
    for index in np.unique(classes):
        # A group that spans labels is assigned with the first of them.
        names, sizes = np.unique(groups[classes == index], return_counts=True)
        free = np.array([name not in split_of for name in names], dtype=bool)
        split_of.update(_fill(names[free], sizes[free], fractions, rng))
    return [split_of[int(group)] for group in groups]


def _fill(
    names: Ids,
    sizes: Ids,
    fractions: tuple[float, float],
    rng: np.random.Generator,
) -> dict[int, SplitName]:
    """Fill test and valid of one label up to their fractions with whole groups; the rest is train."""
    wanted = {"valid": fractions[0] * sizes.sum(), "test": fractions[1] * sizes.sum()}
    # With three groups or more, each split gets one.
    at_least = 1 if len(names) >= len(SPLITS) else 0
    splits: dict[int, SplitName] = {}
    order = list(rng.permutation(len(names)))
    keep: dict[SplitName, int] = {"test": 1 + at_least, "valid": 1}  # for the splits that are filled later
    for split, left in keep.items():
        photos, taken = 0.0, 0
        while len(order) > left and (taken < at_least or photos + sizes[order[-1]] / 2 <= wanted[split]):
            group = order.pop()
            photos, taken = photos + sizes[group], taken + 1
            splits[int(names[group])] = split
    splits.update({int(names[group]): "train" for group in order})
    return splits
