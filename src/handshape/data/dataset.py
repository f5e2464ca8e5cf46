"""Samples and data sets: labelled image files, before any pixel is read."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

SplitName = Literal["train", "valid", "test"]
GroupKind = Literal["signer", "source"]
"""What photos are grouped by: the signer, or the room, camera or collection they come from."""
SPLITS: tuple[SplitName, ...] = ("train", "valid", "test")
Ids = NDArray[np.int64]
"""Classes, groups or indices of photos."""
SplitIndices = dict[SplitName, Ids]
"""Indices of the samples in each split."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One image file and what is known about it.

    Args:
        path: Path of the file.
        name: Path below the data set's root, with forward slashes; the name in reports.
        label: Name of its class.
        signer: The person signing, if known.
        split: The split given by the folder or table, or assigned by `split_dataset`.
        source: The room, camera or collection that it comes from, if known.
        burst: The video that it is a frame of, if it is one.
    """

    path: Path
    name: str
    label: str
    signer: str | None = None
    split: SplitName | None = None
    source: str | None = None
    burst: str | None = None


@dataclass(frozen=True, slots=True)
class Unused:
    """A file, folder or row of a table that is not used.

    Args:
        name: Below the root; of a folder with a slash at the end.
        kind: What it is, for counting, such as ``hidden`` or ``loose photo``.
        reason: Why it is not used.
        files: How many files it stands for.
    """

    name: str
    kind: str
    reason: str
    files: int = 1


@dataclass(frozen=True)
class Layout:
    """How a data set is laid out.

    Args:
        kind: ``labels``, ``splits``, ``groups``, ``flat``, ``table`` or ``pixels``.
        summary: The same in words.
        folder: Folder below the root in which the labels or splits are; empty for the root itself.
        splits: Split of each split folder or table.
        groups: What the folders above the labels are, if anything: ``signer`` or ``source``.
        links: Links that were followed.
        links_out: Those of them that lead out of the root.
    """

    kind: str
    summary: str
    folder: str = ""
    splits: dict[str, SplitName] = field(default_factory=dict)
    groups: GroupKind | None = None
    links: int = 0
    links_out: int = 0


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file in a label that was skipped, and why."""

    name: str
    label: str
    reason: str


@dataclass(frozen=True)
class Dataset:
    """Labelled images in a fixed order.

    Args:
        root: Folder that the names are relative to.
        samples: N samples, sorted by label; within a label as the folder is walked or the table written.
        labels: K label names in class order: the position of a label is its class.
        unreadable: Files of a label that were skipped.
        unused: Everything else in the folder that is not used.
        layout: How the folder or table is laid out; None where images came from elsewhere.
    """

    root: Path
    samples: tuple[Sample, ...]
    labels: tuple[str, ...]
    unreadable: tuple[Unreadable, ...] = ()
    unused: tuple[Unused, ...] = ()
    layout: Layout | None = None

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def class_to_idx(self) -> dict[str, int]:
        """Class of each label, as in torchvision's ``ImageFolder``."""
        return {label: index for index, label in enumerate(self.labels)}

    @property
    def classes(self) -> NDArray[np.int64]:
        """Class of each sample: (N,) int64 in [0, K)."""
        to_idx = self.class_to_idx
        return np.array([to_idx[sample.label] for sample in self.samples], dtype=np.int64)

    @property
    def signers(self) -> tuple[str, ...]:
        """Known signers, sorted."""
        return tuple(sorted({s.signer for s in self.samples if s.signer is not None}))

    @property
    def sources(self) -> tuple[str, ...]:
        """Known sources, sorted."""
        return tuple(sorted({s.source for s in self.samples if s.source is not None}))

    def left_out(self) -> dict[str, list[Unused]]:
        """Everything that is not used, by kind."""
        found: dict[str, list[Unused]] = {}
        photos = (Unused(one.name, "unreadable", one.reason) for one in self.unreadable)
        for one in (*photos, *self.unused):
            found.setdefault(one.kind, []).append(one)
        return found

    def counts(self) -> dict[str, int]:
        """Number of images of each label, 0 included."""
        found = Counter(sample.label for sample in self.samples)
        return {label: found[label] for label in self.labels}

    def where(self, keep: Iterable[bool]) -> Self:
        """Return the samples for which ``keep`` is true; the labels stay."""
        kept = tuple(s for s, k in zip(self.samples, keep, strict=True) if k)
        return replace(self, samples=kept)

    def take(self, indices: Iterable[int]) -> Self:
        """Return the samples at some indices; the labels stay."""
        return replace(self, samples=tuple(self.samples[i] for i in indices))

    def split_indices(self) -> SplitIndices:
        """Return the indices of the samples in each split."""
        names = np.array([sample.split for sample in self.samples])
        return {name: np.flatnonzero(names == name) for name in SPLITS}

    def on(self, split: SplitName) -> Self:
        """Return the samples of one split."""
        return self.where(sample.split == split for sample in self.samples)
