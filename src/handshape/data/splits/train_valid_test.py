"""Which side of the split each image is on, decided by signer, by burst, or at random per label."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from handshape.config.data import check_fractions
from handshape.data.dataset import SPLITS, Dataset, SplitName
from handshape.errors import SplitError

SplitKind = Literal["given", "signer", "random"]
# Assignments of signers drawn before the one closest to the wanted fractions is kept.
_DRAWS = 2000


@dataclass(frozen=True)
class Split:
    """A data set whose samples all have a side, and how that came about.

    Args:
        dataset: Every sample's ``split`` is set.
        kind: ``signer``: no signer on two sides; ``random``: per label; ``given``: by the folders or table.
        grouped: For a random split, whether bursts of near-identical photos were kept on one side.
    """

    dataset: Dataset
    kind: SplitKind
    grouped: bool = False

    def counts(self) -> dict[str, int]:
        """Number of images on each side."""
        return {side: len(self.dataset.on(side)) for side in SPLITS}

    def missing(self) -> dict[str, list[str]]:
        """Labels without an image, per side; sides with all labels are left out."""
        lacking = {
            side: [la for la, n in self.dataset.on(side).counts().items() if n == 0] for side in SPLITS
        }
        return {side: labels for side, labels in lacking.items() if labels}


def split_dataset(
    dataset: Dataset,
    *,
    kind: Literal["auto", "given", "signer", "random"] = "auto",
    valid_fraction: float = 0.2,
    test_fraction: float = 0.2,
    seed: int = 0,
    bursts: NDArray[np.int64] | None = None,
) -> Split:
    """Put every sample on one side of the split.

    ``auto`` takes the split that the folders or the table give, else splits by signer where three or more are
    known, else at random within each label. Samples of an unknown signer go to train in a split by signer.

    Args:
        dataset: At least two labels.
        kind: How to split.
        valid_fraction: Share of images for valid, in (0, 1).
        test_fraction: Share of images for test, in (0, 1).
        seed: Fixes every random choice.
        bursts: (N,) group of each sample; a random split keeps a group on one side.

    Returns:
        The split.

    Raises:
        UsageError: The fractions leave nothing to train on.
        SplitError: A side would be without images, or what ``kind`` needs is not known.
    """
    check_fractions(valid_fraction, test_fraction)
    resolved = resolve_kind(dataset, kind)
    rng = np.random.default_rng(seed)
    if resolved == "given":
        sides = _given(dataset)
    elif resolved == "signer":
        sides = _by_signer(dataset, (valid_fraction, test_fraction), rng)
    else:
        sides = _per_label(dataset, bursts, (valid_fraction, test_fraction), rng)
    samples = tuple(replace(s, split=side) for s, side in zip(dataset.samples, sides, strict=True))
    split = Split(replace(dataset, samples=samples), resolved, resolved == "random" and bursts is not None)
    _check(split)
    return split


def resolve_kind(dataset: Dataset, kind: Literal["auto", "given", "signer", "random"]) -> SplitKind:
    """Return the kind of split that ``auto`` comes down to for a data set, or the kind that was asked for."""
    if kind == "auto":
        if any(sample.split for sample in dataset.samples):
            return "given"
        return "signer" if len(dataset.signers) >= len(SPLITS) else "random"
    return kind


def _given(dataset: Dataset) -> list[SplitName]:
    sides = [sample.split for sample in dataset.samples if sample.split is not None]
    if len(sides) < len(dataset):
        raise SplitError(
            f"{len(dataset) - len(sides)} of {len(dataset)} images have no given split",
            "train, valid and test folders or a split in every line of the table",
            "complete it, or choose --split random or --split signer",
        )
    return sides


def _by_signer(dataset: Dataset, fractions: tuple[float, float], rng: np.random.Generator) -> list[SplitName]:
    signers = dataset.signers
    if len(signers) < len(SPLITS):
        raise SplitError(
            f"{len(signers)} known signer{'s' * (len(signers) != 1)}",
            "at least three for a split by signer, one for each side",
            "name them with --signer, or choose --split random",
        )
    index = np.array([signers.index(s.signer) if s.signer is not None else -1 for s in dataset.samples])
    counts = np.zeros((len(signers), len(dataset.labels)))
    np.add.at(counts, (index[index >= 0], dataset.classes[index >= 0]), 1)
    side_of = _closest_assignment(counts, fractions, rng)
    return [SPLITS[side_of[i]] if i >= 0 else "train" for i in index]


def _closest_assignment(
    counts: NDArray[np.float64], fractions: tuple[float, float], rng: np.random.Generator
) -> NDArray[np.int8]:
    """Draw assignments of signers to sides and keep the first that is best.

    Best is: fewest labels missing from train, then sizes closest to the fractions.
    """
    wanted = np.array([1 - sum(fractions), *fractions])
    below = wanted.cumsum() / wanted.cumsum()[-1]
    drawn = np.empty((_DRAWS, len(counts)), dtype=np.int8)
    for sides in drawn:
        sides[:] = below.searchsorted(rng.random(len(counts)), side="right")
        sides[rng.permutation(len(counts))[: len(SPLITS)]] = range(len(SPLITS))  # each side has a signer
    photos = counts.sum(axis=1)
    sizes = np.stack([(drawn == side) @ photos for side in range(len(SPLITS))], axis=1) / photos.sum()
    absent = ((drawn == 0) @ counts == 0).sum(axis=1)
    # Photos that train lacks count double: they are what makes the recogniser.
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
    side_of: dict[int, SplitName] = {}
    for index in range(len(dataset.labels)):
        # A group that spans labels is placed with the first of them.
        names, sizes = np.unique(groups[classes == index], return_counts=True)
        free = np.array([name not in side_of for name in names], dtype=bool)
        side_of.update(_fill(names[free], sizes[free], fractions, rng))
    return [side_of[int(group)] for group in groups]


def _fill(
    names: NDArray[np.int64],
    sizes: NDArray[np.int64],
    fractions: tuple[float, float],
    rng: np.random.Generator,
) -> dict[int, SplitName]:
    """Fill test and valid of one label up to their fractions with whole groups; the rest is train."""
    wanted = {"valid": fractions[0] * sizes.sum(), "test": fractions[1] * sizes.sum()}
    # Few groups: one each for the sides that can have one, so that three photos already make a split.
    at_least = 1 if len(names) >= len(SPLITS) else 0
    sides: dict[int, SplitName] = {}
    order = list(rng.permutation(len(names)))
    keep: dict[SplitName, int] = {"test": 1 + at_least, "valid": 1}  # for the sides filled after this one
    for side, left in keep.items():
        held, taken = 0.0, 0
        while len(order) > left and (taken < at_least or held + sizes[order[-1]] / 2 <= wanted[side]):
            group = order.pop()
            held, taken = held + sizes[group], taken + 1
            sides[int(names[group])] = side
    sides.update({int(names[group]): "train" for group in order})
    return sides


def _check(split: Split) -> None:
    for side, count in split.counts().items():
        if count == 0:
            raise SplitError(
                f"no image on the {side} side of a {split.kind} split",
                "images in train, valid and test",
                "add photos, change the fractions, or choose another --split",
            )
