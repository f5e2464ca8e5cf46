"""Samples: labelled image files, and what else is known of a data set's files."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handshape.data.images.decode import read_image

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
        path: Absolute path of the file.
        name: Path below the data set's root, with forward slashes; the name in reports.
        label: Name of its class.
        signer: The person signing, if known.
        split: The split given by the folder or table, or assigned by `split_dataset`.
        source: The room, camera or collection that it comes from, if known.
        burst: The video that it is a frame of, if it is one.

    Examples:
        >>> for sample in handshape.read_folder("photos")[:2]:
        ...     print(sample.name, sample.label)
        A/signer1_0.png A
        A/signer1_1.png A
    """

    path: Path
    name: str
    label: str
    signer: str | None = None
    split: SplitName | None = None
    source: str | None = None
    burst: str | None = None

    def image(self) -> Image.Image:
        """Read the photo.

        Returns:
            The image in RGB, with EXIF orientation applied.

        Raises:
            ImageError: The file is missing, damaged, too large or too small.

        Examples:
            >>> dataset = handshape.read_folder("photos")
            >>> dataset[0].image().size
            (64, 64)
        """
        return Image.fromarray(self.pixels())

    def pixels(self) -> NDArray[np.uint8]:
        """Read the photo as (H, W, 3) uint8, RGB; see `image`."""
        return read_image(self.path)


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
