"""Split a data set into train, valid and test: as given, by signer, or at random per label."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from handshape.config.data import check_fractions
from handshape.data.dataset import SPLITS, Dataset, SplitName
from handshape.data.splits.group_hold_out import hold_out_groups
from handshape.errors import SplitError

SplitKind = Literal["given", "signer", "random"]
SplitOption = Literal["auto", "given", "signer", "random"]
# Random assignments of signers, of which the best is kept.
_DRAWS = 2000


@dataclass(frozen=True)
class Split:
    """A data set whose samples all have a split, and how it was made.

    Args:
        dataset: Every sample's ``split`` is set.
        kind: ``signer``: each signer in one split; ``random``: per label; ``given``: by the folders or table.
        grouped: Whether a random split kept bursts of near-duplicates together.
        cut: The split that was not given and was cut from training, and by what: signer, burst or photo.
    """

    dataset: Dataset
    kind: SplitKind
    grouped: bool = False
    cut: tuple[SplitName, str] | None = None

    def counts(self) -> dict[str, int]:
        """Number of images in each split."""
        return {name: len(self.dataset.on(name)) for name in SPLITS}

    def missing(self) -> dict[str, list[str]]:
        """Labels without an image, by split; splits that have all labels are left out."""
        lacking = {
            name: [label for label, count in self.dataset.on(name).counts().items() if count == 0]
            for name in SPLITS
        }
        return {name: labels for name, labels in lacking.items() if labels}


def split_dataset(
    dataset: Dataset,
    *,
    kind: SplitOption = "auto",
    valid_fraction: float = 0.2,
    test_fraction: float = 0.2,
    seed: int = 0,
    bursts: NDArray[np.int64] | None = None,
) -> Split:
    """Assign every sample to a split.

    ``auto`` uses the split of the folders or the table if there is one, else splits by signer if three or
    more are known, else at random within each label. In a split by signer, samples of unknown signers go to
    train. Where validation or test is not given, it is cut from training by signer, else by burst.

    Args:
        dataset: At least two labels.
        kind: How to split.
        valid_fraction: Share of images for validation, in (0, 1).
        test_fraction: Share of images for the test, in (0, 1).
        seed: Fixes every random choice.
        bursts: (N,) group of each sample; a random split, or one that is cut from training, keeps groups
            together.

    Raises:
        UsageError: The fractions leave nothing to train on.
        SplitError: A split would be empty, or the data lacks what ``kind`` needs.
    """
    check_fractions(valid_fraction, test_fraction)
    resolved = resolve_split_kind(dataset, kind)
    rng = np.random.default_rng(seed)
    cut = None
    if resolved == "given":
        names, cut = _given(dataset, bursts, {"valid": valid_fraction, "test": test_fraction}, seed)
    elif resolved == "signer":
        names = _by_signer(dataset, (valid_fraction, test_fraction), rng)
    else:
        names = _per_label(dataset, bursts, (valid_fraction, test_fraction), rng)
    samples = tuple(replace(s, split=name) for s, name in zip(dataset.samples, names, strict=True))
    grouped = resolved == "random" and bursts is not None
    split = Split(replace(dataset, samples=samples), resolved, grouped, cut)
    _check(split)
    return split


def resolve_split_kind(dataset: Dataset, kind: SplitOption) -> SplitKind:
    """Return the kind of split that ``auto`` means for a data set; other kinds as they are."""
    if kind == "auto":
        if any(sample.split for sample in dataset.samples):
            return "given"
        return "signer" if len(dataset.signers) >= len(SPLITS) else "random"
    return kind


def _given(
    dataset: Dataset, bursts: NDArray[np.int64] | None, fractions: dict[SplitName, float], seed: int
) -> tuple[list[SplitName], tuple[SplitName, str] | None]:
    given = [sample.split for sample in dataset.samples if sample.split is not None]
    if len(given) < len(dataset):
        raise SplitError(
            f"{len(dataset) - len(given)} of {len(dataset)} images have no given split",
            "train, valid and test folders, or a split in every line of the table",
            "complete it, or choose --split random or --split signer",
        )
    missing = [name for name in SPLITS if name not in given]
    if len(missing) != 1 or missing == ["train"]:
        return given, None
    (name,) = missing
    train = np.flatnonzero(np.array(given) == "train")
    signers = [dataset.samples[i].signer for i in train]
    groups = train if bursts is None else bursts[train]
    by = "photo" if bursts is None else "burst"
    if len(set(signers)) > 1 and None not in signers:
        groups, by = np.unique([str(signer) for signer in signers], return_inverse=True)[1], "signer"
    held = hold_out_groups(dataset.classes[train], groups, fractions[name], seed)[1]
    for i in train[held]:
        given[i] = name
    return given, (name, by)


def _by_signer(dataset: Dataset, fractions: tuple[float, float], rng: np.random.Generator) -> list[SplitName]:
    signers = dataset.signers
    if len(signers) < len(SPLITS):
        raise SplitError(
            f"{len(signers)} known signer{'s' * (len(signers) != 1)}",
            "at least three for a split by signer, one for each of train, valid and test",
            "name them with --signer, or choose --split random",
        )
    index = np.array([signers.index(s.signer) if s.signer is not None else -1 for s in dataset.samples])
    counts = np.zeros((len(signers), len(dataset.labels)))
    np.add.at(counts, (index[index >= 0], dataset.classes[index >= 0]), 1)
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
    dataset: Dataset,
    bursts: NDArray[np.int64] | None,
    fractions: tuple[float, float],
    rng: np.random.Generator,
) -> list[SplitName]:
    groups = np.arange(len(dataset)) if bursts is None else bursts
    classes = dataset.classes
    split_of: dict[int, SplitName] = {}
    for index in range(len(dataset.labels)):
        # A group that spans labels is assigned with the first of them.
        names, sizes = np.unique(groups[classes == index], return_counts=True)
        free = np.array([name not in split_of for name in names], dtype=bool)
        split_of.update(_fill(names[free], sizes[free], fractions, rng))
    return [split_of[int(group)] for group in groups]


def _fill(
    names: NDArray[np.int64],
    sizes: NDArray[np.int64],
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


def _check(split: Split) -> None:
    for name, count in split.counts().items():
        if count == 0:
            raise SplitError(
                f"no image for {name} in a {split.kind} split",
                "images in train, valid and test",
                "add photos, change the fractions, or choose another --split",
            )
