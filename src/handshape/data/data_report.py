"""Everything that is known of a data set before training: near-duplicates, split, leaks and findings."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from handshape.data.checks.all_checks import check_data
from handshape.data.checks.bursts import find_bursts
from handshape.data.checks.finding import Finding
from handshape.data.checks.near_duplicates import Leaks, Pairs, leaks, near_pairs, twins_across_labels
from handshape.data.dataset import Sample
from handshape.data.images.index import Scan
from handshape.data.images.prepared import content_digest
from handshape.data.splits.train_valid_test import Split, resolve_kind, split_dataset
from handshape.errors import SplitError


@dataclass(frozen=True)
class Survey:
    """A scanned data set with its split and what is wrong with it.

    Args:
        scan: N readable samples with their prepared images.
        split: The same samples with their sides.
        pairs: Photos of one label that are nearly the same.
        bursts: (N,) int64, group of near-identical photos that each sample belongs to.
        leaks: Test photos with a near-twin in training.
        findings: What is wrong, or worth knowing, serious things first.
    """

    scan: Scan
    split: Split
    pairs: Pairs
    bursts: NDArray[np.int64]
    leaks: Leaks
    findings: list[Finding]

    @property
    def digest(self) -> str:
        """Stands for content, labels, signers, sides and known sources of all samples."""
        rows = zip(self.scan.digests, self.split.dataset.samples, strict=True)
        return content_digest("\n".join(_described(digest, one) for digest, one in rows).encode())


def survey_data(
    scan: Scan,
    *,
    kind: Literal["auto", "given", "signer", "random"],
    valid_fraction: float,
    test_fraction: float,
    seed: int,
    features: NDArray[np.float16] | None = None,
    must_split: bool = True,
) -> Survey:
    """Look for near-duplicates, split, and say what is wrong.

    Where ``auto`` comes down to a random split, bursts of near-identical photos are kept on one side.

    Args:
        scan: The scanned data set.
        kind: How to split.
        valid_fraction: Share of images for valid.
        test_fraction: Share of images for test.
        seed: Fixes every random choice.
        features: (N, ...) float16, a backbone's features of each photo where there are any: they tell
            bursts in which the hand moved a little.
        must_split: Whether a split that cannot be made is an error; otherwise it is a finding, and the
            samples keep the sides they were given, if any.

    Returns:
        The survey.

    Raises:
        UsageError: The fractions leave nothing to train on.
        SplitError: A side would be empty, and ``must_split`` is set.
    """
    dataset = scan.dataset
    flat = None if features is None else features.reshape(len(dataset), -1)
    pairs = near_pairs(scan.facts, dataset.classes, features=flat)
    bursts = find_bursts(pairs, scan.digests, dataset.classes)
    grouped = kind == "auto" and resolve_kind(dataset, kind) == "random" and len(pairs) > 0
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
        split = Split(dataset, resolve_kind(dataset, kind))
        text = f"no split can be made ({error.wrong}): expected {error.expected}, so {error.remedy}."
        problem = [Finding("no_split", "serious", text, 1.0)]
    twins = twins_across_labels(scan.facts, dataset.classes)
    findings = problem + check_data(dataset, scan.facts, scan.digests, bursts=bursts, twins=twins)
    sides = [sample.split for sample in split.dataset.samples]
    return Survey(scan, split, pairs, bursts, leaks(pairs, sides), findings)


def _described(digest: str, sample: Sample) -> str:
    known = f"{digest} {sample.label} {sample.signer} {sample.split}"
    return known if sample.source is None else f"{known} {sample.source}"
