"""Data sets: labelled image files, before any pixel is read."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handshape.data.frames import new_frame
from handshape.data.io.given import columns_of_frame, samples_of_paths
from handshape.data.sample import (
    SPLITS,
    GroupKind,
    Ids,
    Layout,
    Sample,
    SplitIndices,
    SplitName,
    Unreadable,
    Unused,
)
from handshape.data.splits.assign import SplitOption, assign_splits, resolve_kind

if TYPE_CHECKING:
    import pandas
    import torch.utils.data

__all__ = [
    "SPLITS",
    "Dataset",
    "GroupKind",
    "Ids",
    "Layout",
    "Sample",
    "SplitIndices",
    "SplitName",
    "Unreadable",
    "Unused",
]
# Labels that a short description names.
_SHOWN = 6


@dataclass(frozen=True, repr=False)
class Dataset:
    r"""Labelled images in a fixed order, before any pixel is read; what `read_folder` returns.

    Args:
        root: Folder that the names are relative to.
        samples: N samples, sorted by label; within a label as the folder is walked or the table written.
        labels: K label names in class order: the position of a label is its class.
        unreadable: Files of a label that were skipped.
        unused: Everything else in the folder that is not used.
        layout: How the folder or table is laid out; None where images came from elsewhere.

    Examples:
        >>> dataset = handshape.read_folder("photos", signer=r"(signer\d+)_")
        >>> dataset
        Dataset('photos', 72 photos, 3 labels (A, B, C), 4 signers)
        >>> [sample.label for sample in dataset[:2]]
        ['A', 'A']
        >>> dataset.where(sample.signer == "signer1" for sample in dataset)
        Dataset('photos', 18 photos, 3 labels (A, B, C), 1 signer)
    """

    root: Path
    samples: tuple[Sample, ...]
    labels: tuple[str, ...]
    unreadable: tuple[Unreadable, ...] = ()
    unused: tuple[Unused, ...] = ()
    layout: Layout | None = None

    @classmethod
    def from_paths(
        cls,
        paths: Sequence[str | Path],
        labels: Sequence[str],
        *,
        signers: Sequence[str | None] | None = None,
        sources: Sequence[str | None] | None = None,
        splits: Sequence[SplitName | None] | None = None,
    ) -> Self:
        """Make a data set of image files and their labels.

        Args:
            paths: N image files.
            labels: N labels.
            signers: N people signing, None where unknown.
            sources: N rooms, cameras or collections, None where unknown.
            splits: N splits (``train``, ``valid``, ``test``), if they are given.

        Returns:
            The data set, sorted by label.

        Raises:
            DataError: There is no image, or there are not N of each.

        Examples:
            >>> from pathlib import Path
            >>> paths = sorted(Path("photos").glob("*/*.png"))
            >>> handshape.Dataset.from_paths(paths, [path.parent.name for path in paths])
            Dataset('photos', 72 photos, 3 labels (A, B, C))
        """
        return cls(*samples_of_paths(paths, labels, signers, sources, splits))

    @classmethod
    def from_frame(
        cls,
        frame: "pandas.DataFrame",
        *,
        path: str = "path",
        label: str = "label",
        signer: str = "signer",
        source: str = "source",
        split: str = "split",
    ) -> Self:
        """Make a data set of a pandas frame.

        Args:
            frame: A row for each image.
            path: Name of the column with the image files.
            label: Name of the column with the labels.
            signer: Name of the column with the people signing, if there is one.
            source: Name of the column with rooms, cameras or collections, if there is one.
            split: Name of the column with the splits (``train``, ``valid``, ``test``), if there is one.

        Returns:
            The data set, sorted by label.

        Raises:
            DataError: There is no image, or a column is missing.

        Examples:
            >>> frame = handshape.read_folder("photos").to_frame()
            >>> handshape.Dataset.from_frame(frame[frame["label"] != "C"])
            Dataset('photos', 48 photos, 2 labels (A, B))
        """
        columns = columns_of_frame(frame, (path, label, signer, source, split))
        return cls(*samples_of_paths(*columns))

    @classmethod
    def from_hugging_face(
        cls,
        dataset: Any,
        *,
        image: str = "image",
        label: str = "label",
        signer: str | None = None,
        cache: str | Path | None = None,
    ) -> Self:
        """Make a data set of one of Hugging Face's library ``datasets`` (extra ``datasets``).

        Images that are no files of their own are written into the cache.

        Args:
            dataset: A ``datasets.Dataset``, or a ``DatasetDict`` whose names are splits.
            image: Name of the column with the images.
            label: Name of the column with the labels.
            signer: Name of the column with the people signing, if there is one.
            cache: Folder of the cache; None for the user's cache directory.

        Returns:
            The data set, sorted by label.

        Raises:
            DataError: There is no image, or a column is missing.
            MissingExtraError: The extra ``datasets`` is not installed.

        Examples:
            >>> import datasets
            >>> frame = handshape.read_folder("photos").to_frame()
            >>> columns = {"image": frame["path"].map(str).tolist(), "label": frame["label"].tolist()}
            >>> photos = datasets.Dataset.from_dict(columns).cast_column("image", datasets.Image())
            >>> handshape.Dataset.from_hugging_face(photos)
            Dataset('photos', 72 photos, 3 labels (A, B, C))
        """
        from handshape.data.io.hugging_face import columns_of_hugging_face

        return cls(*samples_of_paths(*columns_of_hugging_face(dataset, image, label, signer, cache)))

    def __len__(self) -> int:
        return len(self.samples)

    def __iter__(self) -> Iterator[Sample]:
        return iter(self.samples)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Sample | Self:
        if isinstance(index, slice):
            return replace(self, samples=self.samples[index])
        return self.samples[index]

    def __repr__(self) -> str:
        shown = [*self.labels[:_SHOWN], *(["..."] if len(self.labels) > _SHOWN else [])]
        parts = [repr(self.root.name), _count(len(self), "photo")]
        parts.append(f"{_count(len(self.labels), 'label')} ({', '.join(shown)})")
        if self.signers:
            parts.append(_count(len(self.signers), "signer"))
        return f"Dataset({', '.join(parts)})"

    def _repr_html_(self) -> str:
        from handshape.data.dataset_html import dataset_html  # it reads photos

        return dataset_html(repr(self), self.samples, self.labels)

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

    def with_splits(self, splits: Iterable[SplitName]) -> Self:
        """Return the same samples in other splits, one for each sample."""
        pairs = zip(self.samples, splits, strict=True)
        return replace(self, samples=tuple(replace(sample, split=name) for sample, name in pairs))

    def split(
        self,
        kind: SplitOption = "auto",
        *,
        valid_fraction: float = 0.2,
        test_fraction: float = 0.2,
        seed: int = 0,
    ) -> Self:
        r"""Assign every sample to training, validation or test, as the commands do.

        ``auto`` takes the split that the folders or the table give, else splits by signer if three or more
        are known, else at random within each label; photos that are nearly the same then stay together, for
        which all photos are read.

        Args:
            kind: How to split: ``auto``, ``given``, ``signer`` or ``random``.
            valid_fraction: Share of the photos for validation, in (0, 1).
            test_fraction: Share of the photos for testing, in (0, 1).
            seed: Fixes every random choice.

        Returns:
            The same samples, each with its split; `on` returns those of one split.

        Raises:
            ImageError: A photo that has to be read cannot be.
            SplitError: A split would be empty, or the data lacks what ``kind`` needs.
            UsageError: The fractions leave nothing to train on.

        Examples:
            >>> split = handshape.read_folder("photos", signer=r"(signer\d+)_").split()
            >>> {name: len(split.on(name)) for name in ("train", "valid", "test")}
            {'train': 36, 'valid': 18, 'test': 18}
        """
        bursts = None
        if kind == "auto" and resolve_kind(self.samples, kind) == "random":
            from handshape.data.checks.bursts_of_files import bursts_of_files  # scipy takes long to import

            bursts = bursts_of_files(self.samples, self.classes)
        assigned = assign_splits(
            self.samples,
            self.classes,
            kind=kind,
            valid_fraction=valid_fraction,
            test_fraction=test_fraction,
            seed=seed,
            bursts=bursts,
        )
        return self.with_splits(assigned.names)

    def to_frame(self) -> "pandas.DataFrame":
        r"""Return the samples as a table.

        Returns:
            One row for each sample, with the columns ``path``, ``label``, ``signer``, ``source`` and
            ``split``.

        Raises:
            MissingExtraError: pandas is not installed.

        Examples:
            >>> frame = handshape.read_folder("photos", signer=r"(signer\d+)_").to_frame()
            >>> frame.groupby("label").size().to_dict()
            {'A': 24, 'B': 24, 'C': 24}
        """
        columns = ("path", "label", "signer", "source", "split")
        rows = [[getattr(sample, name) for name in columns] for sample in self.samples]
        return new_frame(rows, columns)

    def show(self, columns: int = 8) -> Image.Image:
        """Draw some photos of each label: of each signer one where signers are known.

        Args:
            columns: Most photos of a label.

        Returns:
            A picture, which notebooks show.

        Raises:
            ImageError: A photo cannot be read.

        Examples:
            >>> handshape.read_folder("photos").show(columns=4).size
            (510, 304)
        """
        from handshape.data.dataset_html import sheet

        return sheet(self.samples, self.labels, columns)

    def as_torch(
        self, transform: Callable[[Image.Image], Any] | None = None, *, size: int = 224
    ) -> "torch.utils.data.Dataset[tuple[Any, int]]":
        """Return the photos and their classes as a torch data set, for a ``DataLoader``.

        Args:
            transform: Makes what torch gets of an RGB image, such as a transform of torchvision.
            size: Without a transform: height and width in pixels to which photos are resized.

        Returns:
            N pairs of an image and its class; without a transform (3, size, size) float32 in [0, 1], RGB.

        Raises:
            ImageError: A photo cannot be read, when it is asked for.

        Examples:
            >>> image, number = handshape.read_folder("photos").as_torch(size=64)[0]
            >>> image.shape, number
            (torch.Size([3, 64, 64]), 0)
        """
        from handshape.data.images.torch_pairs import TorchPairs  # nobody else waits for torch

        return TorchPairs(self.samples, self.classes.tolist(), transform, size)


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
