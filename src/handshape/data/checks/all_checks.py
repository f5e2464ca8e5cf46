"""All checks of a data set, made before any training."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from handshape.data.checks.finding import Finding, count_of, ranked
from handshape.data.checks.labels import (
    check_counts,
    check_names,
    check_signers,
    check_sources,
    check_unreadable,
    check_unused,
)
from handshape.data.checks.near_duplicates import Pairs, group_exact_copies
from handshape.data.checks.photos import check_backgrounds, check_borders, check_giveaways, check_photos
from handshape.data.dataset import Dataset
from handshape.data.images.image_stats import ImageStats
from handshape.data.splits.train_valid_test import Split

__all__ = ["Finding", "check_data"]

# Above this share of photos in bursts, an ordinary random split is no test.
_MANY_IN_BURSTS = 0.2
# What to do where a split does not keep bursts together.
_APART = {
    "given": "The given split may have some of a burst in training and others in test.",
    "random": "Without --split random, each burst stays in one split.",
}


def check_data(
    dataset: Dataset,
    stats: Sequence[ImageStats],
    digests: Sequence[str],
    *,
    bursts: NDArray[np.int64] | None = None,
    copies: Pairs | None = None,
    split: Split | None = None,
) -> list[Finding]:
    """Run all checks of a data set.

    Args:
        dataset: N readable samples; its ``unreadable`` are counted too.
        stats: Measurements of each sample's image.
        digests: Content digest of each.
        bursts: (N,) int64, group of each photo as found by `find_bursts`.
        copies: Pairs of one picture under two labels, as found by `copies_across_labels`.
        split: How the samples are split, if they are.

    Returns:
        The findings: serious ones first, then warnings, then notes.
    """
    found = [*check_unreadable(dataset), *check_unused(dataset), *check_names(dataset)]
    found += [*check_counts(dataset), *check_signers(dataset), *check_sources(dataset)]
    if len(dataset):
        found += _two_labels(dataset, digests, copies)
        found += _copies(dataset, digests, split)
        found += _bursts(dataset, bursts, split)
        found += check_photos(dataset, stats)
        found += check_borders(dataset, stats)
        found += check_giveaways(dataset, stats)
        found += check_backgrounds(dataset, stats)
    return ranked(found)


def _two_labels(dataset: Dataset, digests: Sequence[str], copies: Pairs | None) -> Iterator[Finding]:
    labels: dict[str, set[str]] = {}
    for sample, digest in zip(dataset.samples, digests, strict=True):
        labels.setdefault(digest, set()).add(sample.label)
    concerned = {i for i, digest in enumerate(digests) if len(labels[digest]) > 1}
    if copies is not None:
        concerned |= {*copies.first.tolist(), *copies.second.tolist()}
    if concerned:
        samples = [dataset.samples[i] for i in sorted(concerned)]
        yield Finding(
            "two_labels",
            "serious",
            f"{count_of(len(samples), 'photo shows', 'photos show')} a picture that is under two labels, "
            f"so one label is wrong. Look at each, starting with {samples[0].name}, and keep the correct "
            "one.",
            len(samples) / len(dataset),
            tuple(sample.name for sample in samples),
            tuple(sorted({sample.label for sample in samples})),
        )


def _copies(dataset: Dataset, digests: Sequence[str], split: Split | None) -> Iterator[Finding]:
    again = np.ones(len(digests), dtype=np.bool_)
    again[np.unique(group_exact_copies(digests), return_index=True)[1]] = False
    count = int(again.sum())
    if count:
        yield Finding(
            "exact_duplicates",
            "warning",
            f"{count_of(count, 'file is an exact copy', 'files are exact copies')} of another. "
            + (
                "They count twice. Remove them."
                if _keeps_copies_together(split)
                else "Copies in both training and test make the accuracy look better than it is. Remove them."
            ),
            count / len(dataset),
            tuple(dataset.samples[i].name for i in np.flatnonzero(again)),
        )


def _bursts(dataset: Dataset, bursts: NDArray[np.int64] | None, split: Split | None) -> Iterator[Finding]:
    if bursts is None:
        return
    sizes = np.bincount(bursts)
    count = int(sizes[sizes > 1].sum())
    if count:
        share, together = count / len(dataset), _keeps_copies_together(split)
        yield Finding(
            "bursts",
            "warning" if share > _MANY_IN_BURSTS and not together else "note",
            f"{count:,} of {len(dataset):,} photos ({100 * share:.0f} %) are near-copies of another one "
            f"({count_of(int((sizes > 1).sum()), 'burst', 'bursts')}), so you have about {len(sizes):,} "
            f"different photos.{'' if together else ' ' + _APART[split.kind if split else 'random']}",
            share,
        )


def _keeps_copies_together(split: Split | None) -> bool:
    return split is not None and (split.grouped or split.kind == "signer")
