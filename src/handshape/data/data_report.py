"""The report on a data set before training: near-duplicates, split, leaks and findings."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import cast

import numpy as np
from numpy.typing import NDArray

from handshape.data.checks.all_checks import check_data
from handshape.data.checks.bursts import find_bursts
from handshape.data.checks.finding import Finding, Severity, listed, ranked
from handshape.data.checks.near_duplicates import (
    Leaks,
    Pairs,
    copies_across_labels,
    find_leaks,
    find_near_duplicates,
)
from handshape.data.dataset import Sample
from handshape.data.images.index import ImageIndex
from handshape.data.images.prepared import content_digest
from handshape.data.splits.assign import SplitOption, resolve_kind
from handshape.data.splits.claim import AccuracyClaim, find_claim
from handshape.data.splits.train_valid_test import Split, split_dataset
from handshape.errors import SplitError


@dataclass(frozen=True)
class DataReport:
    """A data set with its split and its problems.

    Args:
        indexed: N readable samples with their prepared images.
        split: The same samples, each in a split.
        pairs: Near-duplicates of one label.
        bursts: (N,) int64, group of near-duplicates that each sample belongs to.
        leaks: Test photos with a near-copy in training.
        findings: Problems and facts, serious ones first.
    """

    indexed: ImageIndex
    split: Split
    pairs: Pairs
    bursts: NDArray[np.int64]
    leaks: Leaks
    findings: list[Finding]

    @cached_property
    def claim(self) -> AccuracyClaim:
        """What an accuracy on the test photos may claim."""
        return find_claim(self.split.dataset, self.indexed.digests)

    def with_finding(self, finding: Finding | None) -> "DataReport":
        """Return the report with one more finding, serious ones first."""
        return self if finding is None else replace(self, findings=ranked([*self.findings, finding]))

    def counts(self) -> dict[str, int]:
        """Return how many photos, labels, signers, sources and bursts there are; every place reads this."""
        dataset = self.split.dataset
        return {
            "photos": len(dataset),
            "labels": len(dataset.labels),
            "signers": len(dataset.signers),
            "sources": len(dataset.sources),
            "bursts": int((np.bincount(self.bursts) > 1).sum()),
            "unreadable": len(dataset.unreadable),
        }

    @property
    def digest(self) -> str:
        """Digest of content, label, signer, split and known source of all samples."""
        rows = zip(self.indexed.digests, self.split.dataset.samples, strict=True)
        return content_digest("\n".join(_described(digest, one) for digest, one in rows).encode())


def make_data_report(
    indexed: ImageIndex,
    *,
    kind: SplitOption,
    valid_fraction: float,
    test_fraction: float,
    seed: int,
    features: NDArray[np.float16] | None = None,
    must_split: bool = True,
) -> DataReport:
    """Find near-duplicates, split the data set, and check it.

    If ``auto`` results in a random split, each burst of near-duplicates stays in one split.

    Args:
        indexed: The data set with its images.
        kind: How to split.
        valid_fraction: Share of images for validation.
        test_fraction: Share of images for the test.
        seed: Fixes every random choice.
        features: (N, ...) float16, a backbone's features of each photo; they help to find bursts in which
            the hand moved a little.
        must_split: Whether a split that cannot be made is an error; otherwise it is a finding.

    Raises:
        UsageError: The fractions leave nothing to train on.
        SplitError: A split would be empty, and ``must_split`` is set.
    """
    dataset = indexed.dataset
    flat = None if features is None else features.reshape(len(dataset), -1)
    pairs = find_near_duplicates(indexed.stats, dataset.classes, features=flat)
    videos = [sample.burst for sample in dataset.samples]
    bursts = find_bursts(pairs, indexed.digests, dataset.classes, videos)
    resolved = resolve_kind(dataset.samples, kind)
    near = len(pairs) > 0 or any(videos)
    grouped = resolved == "given" or (kind == "auto" and resolved == "random" and near)
    problem: list[Finding] = []
    try:
        split = split_dataset(
            dataset,
            kind=kind,
            valid_fraction=valid_fraction,
            test_fraction=test_fraction,
            seed=seed,
            bursts=bursts if grouped else None,
        )
    except SplitError as error:
        if must_split:
            raise
        split = Split(dataset, resolved)
        remedy = error.remedy[0].upper() + error.remedy[1:]
        text = f"No split can be made: {error.wrong}. It needs {error.expected}. {remedy}."
        problem = [Finding("no_split", "serious", text, 1.0)]
    problem += [*_missing_labels(split), *_two_signers(split)]
    copies = copies_across_labels(indexed.stats, dataset.classes)
    findings = problem + check_data(
        dataset, indexed.stats, indexed.digests, bursts=bursts, copies=copies, split=split
    )
    leaks = find_leaks(pairs, [sample.split for sample in split.dataset.samples])
    return DataReport(indexed, split, pairs, bursts, leaks, findings)


def _missing_labels(split: Split) -> Iterator[Finding]:
    """Yield a finding for each split that lacks labels."""
    meanings = {
        "train": ("serious", "training", "Such a label is never predicted. Add training photos."),
        "valid": ("note", "validation", "Thresholds are chosen without it."),
        "test": ("serious", "test", "Nothing is known of how well it is recognised. Add test photos."),
    }
    for name, labels in split.missing().items() if any(one.split for one in split.dataset.samples) else ():
        severity, title, meaning = meanings[name]
        text = f"No {title} photo shows {listed(tuple(labels))}. {meaning}"
        yield Finding(f"no_{title}_photos", cast(Severity, severity), text, 0.0, labels=tuple(labels))


def _two_signers(split: Split) -> Iterator[Finding]:
    """Yield a finding where two known signers are too few for a split by signer."""
    signers = split.dataset.signers
    if split.kind == "random" and len(signers) == 2:
        yield Finding(
            "two_signers",
            "warning",
            f"Only two signers are known ({' and '.join(signers)}). A split by signer needs three, so "
            "both may be in training and test. The accuracy says nothing about other people: add photos of "
            "another.",
            1.0,
        )


def _described(digest: str, sample: Sample) -> str:
    known = f"{digest} {sample.label} {sample.signer} {sample.split}"
    return known if sample.source is None else f"{known} {sample.source}"
