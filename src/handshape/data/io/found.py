"""What is found while a layout is recognised: samples, and everything that is not used."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from handshape.data.checks.finding import count_of
from handshape.data.dataset import GroupKind, Layout, Sample, SplitName, Unreadable, Unused
from handshape.data.io.tree import File, Folder, Tree
from handshape.data.io.videos import NO_VIDEO, can_read_videos, cut_videos
from handshape.errors import DataError

LayoutOption = Literal["auto", "labels"]
BY_FOLDER = "folder"
"""Value of ``signer`` or ``source`` for ``root/<signer or source>/<label>/*``."""
_ARCHIVES = {".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".rar", ".7z"}


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What was asked for when a data set is read; see `read_folder`."""

    signer: str | None = None
    source: str | None = None
    label_from: re.Pattern[str] | None = None
    layout: LayoutOption = "auto"
    cache: Path | None = None

    @property
    def groups(self) -> GroupKind | None:
        """What the folders above the labels are said to be."""
        return "signer" if self.signer == BY_FOLDER else "source" if self.source == BY_FOLDER else None


@dataclass
class Found:
    """A layout with the samples that it has."""

    data: str
    tree: Tree
    wanted: Reading
    kind: str = "labels"
    folder: str = ""
    splits: dict[str, SplitName] = field(default_factory=dict)
    words: str = ""
    samples: list[Sample] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)
    unused: list[Unused] = field(default_factory=list)
    videos: list[tuple[File, Sample]] = field(default_factory=list)
    names_columns: bool = False
    """Whether ``source`` names a column of a table."""
    is_project: bool = False
    """Whether it is a project of Teach, whose file names say who signs."""

    def add(self, file: File, sample: Sample) -> None:
        """Add a file of a label: a photo, a video, or something that is neither."""
        if file.is_photo:
            self.samples.append(sample)
        elif file.is_video:
            self.videos.append((file, sample))
        else:
            reason = f"not an image file ({file.ending or 'no ending'})"
            self.unreadable.append(Unreadable(file.name, sample.label, reason))

    def take(self, rows: Iterable[Sample | Unused], split: SplitName | None) -> None:
        """Add the rows of a table."""
        for row in rows:
            if isinstance(row, Unused):
                self.unused.append(row)
            else:
                given = row if split is None else replace(row, split=split)
                self.add(File(row.path, row.name), given)

    def cut_videos(self) -> None:
        """Replace each video by its frames, which are a burst and a source."""
        cut = cut_videos([file for file, _ in self.videos], self.wanted.cache) if can_read_videos() else {}
        for file, sample in self.videos:
            frames = cut.get(file.name, NO_VIDEO)
            if isinstance(frames, str):
                self.unreadable.append(Unreadable(file.name, sample.label, frames))
                continue
            common = replace(sample, burst=file.name, source=sample.source or file.name)
            self.samples += [replace(common, path=one.path, name=one.name) for one in frames]
        self.videos = []

    @property
    def labels(self) -> list[str]:
        """All labels, sorted."""
        return sorted({one.label for one in self.samples} | {one.label for one in self.unreadable})

    @property
    def layout(self) -> Layout:
        """How the data set is laid out."""
        labels = len(self.labels)
        where = f" in {self.folder!r}" if self.folder else ""
        summary = f"{self.words}{where}, {count_of(labels, 'label', 'labels')}"
        tree = self.tree
        return Layout(
            self.kind, summary, self.folder, self.splits, self.wanted.groups, tree.links, tree.links_out
        )


def set_aside(found: Found, folders: Iterable[Folder], files: Iterable[File], why: str = "") -> None:
    """List folders and files that are not used."""
    for folder in folders:
        count = sum(1 for _ in folder.all_files())
        reason = f"{why or 'in no label folder'} ({count_of(folder.photos, 'photo', 'photos')} in it)"
        found.unused.append(Unused(f"{folder.name}/", "stray folder", reason, count))
    for file in files:
        if file.is_photo or file.is_video:
            kind, reason = "loose photo", why or "in no label folder"
        elif file.is_table:
            kind, reason = "table", "a table that is not needed here; give its path to use it"
        elif file.ending in _ARCHIVES:
            kind, reason = "archive", "an archive; give its path to read what is in it"
        else:
            kind, reason = "other file", f"not an image file ({file.ending or 'no ending'})"
        found.unused.append(Unused(file.name, kind, reason))


def leave_out(found: Found, names: Path) -> None:
    """Leave out the photos that a file names, one in each line; empty lines and those with ``#`` are skipped.

    Raises:
        DataError: The file cannot be read, or a name is not that of a photo.
    """
    try:
        lines = names.read_text(encoding="utf-8-sig", errors="backslashreplace").splitlines()
    except OSError as error:
        raise DataError(
            f"cannot read {str(names)!r} ({error.strerror})", "a file with names of photos", "check --exclude"
        ) from error
    wanted = {line.strip().replace("\\", "/") for line in lines} - {""}
    wanted = {line for line in wanted if not line.startswith("#")}
    there = {sample.name for sample in found.samples}
    if unknown := sorted(wanted - there):
        raise DataError(
            f"{count_of(len(unknown), 'name', 'names')} in {str(names)!r} not found, such as {unknown[0]!r}",
            f"names below the folder, such as {min(there, default='A/photo1.jpg')!r}",
            "correct --exclude",
        )
    found.samples = [sample for sample in found.samples if sample.name not in wanted]
    found.unused += [Unused(name, "excluded", f"named in {names.name}") for name in sorted(wanted)]
