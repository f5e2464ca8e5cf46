"""The files and folders of a data set, looked at once, and what of them is never data."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from handshape.data.dataset import Unused
from handshape.data.images.formats import PHOTO_ENDINGS, VIDEO_ENDINGS

# What file managers and archives leave behind.
_SYSTEM = {"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "$recycle.bin", "lost+found", "@eadir"}
_TABLES = {".csv", ".tsv"}
_MEDIA = PHOTO_ENDINGS | VIDEO_ENDINGS.keys()


@dataclass(slots=True)
class File:
    """One file: where its bytes are, and its name below the data set's root."""

    path: Path
    name: str
    ending: str = field(init=False)
    """Ending in lower case, such as ``.jpg``."""

    def __post_init__(self) -> None:
        """Find the ending, which is asked for often."""
        stem, dot, ending = self.base.rpartition(".")
        self.ending = f".{ending.lower()}" if dot and stem else ""

    @property
    def base(self) -> str:
        """Name without its folders."""
        return self.name.rpartition("/")[2]

    @property
    def is_photo(self) -> bool:
        """Whether its ending is that of a photo."""
        return self.ending in PHOTO_ENDINGS

    @property
    def is_video(self) -> bool:
        """Whether its ending is that of a video."""
        return self.ending in VIDEO_ENDINGS

    @property
    def is_table(self) -> bool:
        """Whether its ending is that of a table."""
        return self.ending in _TABLES


@dataclass(slots=True)
class Folder:
    """One folder and what is directly in it; ``name`` is below the data set's root, empty for the root."""

    path: Path
    name: str
    folders: list["Folder"] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    photos: int = 0
    """Photos and videos in it and below."""
    loose: list[File] = field(default_factory=list)
    """Photos and videos that are directly in it."""

    @property
    def base(self) -> str:
        """Name without the folders above."""
        return self.name.rpartition("/")[2] or text_of(self.path.name)

    @property
    def bearing(self) -> list["Folder"]:
        """Folders in it that have photos or videos somewhere below."""
        return [folder for folder in self.folders if folder.photos]

    def below(self) -> Iterator["Folder"]:
        """Yield it and all folders below, in the order in which `os.walk` is sorted."""
        found, rest = [], [self]
        while rest:
            found.append(rest.pop())
            rest += found[-1].folders
        yield from sorted(found, key=lambda folder: folder.name)

    def all_files(self) -> Iterator[File]:
        """Yield all files in it and below."""
        for folder in self.below():
            yield from folder.files


@dataclass(slots=True)
class Tree:
    """A data set's files and folders.

    Args:
        top: The root.
        unused: What can never be data: hidden files, handshape's own output, folders that cannot be read.
        links: Links that were followed.
        links_out: Those of them that lead out of the root.
        own: What of handshape's the root itself is, if anything.
    """

    top: Folder
    unused: list[Unused] = field(default_factory=list)
    links: int = 0
    links_out: int = 0
    own: str | None = None

    def count(self) -> "Tree":
        """Sort each folder and count the photos below it."""
        order, rest = [], [self.top]
        while rest:
            order.append(rest.pop())
            rest += order[-1].folders
        for folder in reversed(order):  # those below come first
            folder.folders.sort(key=lambda one: one.name)
            folder.files.sort(key=lambda one: one.name)
            folder.loose = [file for file in folder.files if file.ending in _MEDIA]
            folder.photos = len(folder.loose) + sum(one.photos for one in folder.folders)
        return self


def text_of(name: str) -> str:
    """Return a file's name as text that can be written; bytes that are not UTF-8 become escapes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return os.fsencode(name).decode(errors="backslashreplace")
    return name


def never_data(base: str) -> str | None:
    """Return why a file or folder of this name is never data, or None."""
    if base.startswith("."):
        return "hidden"
    return "system" if base.lower() in _SYSTEM else None


def tree_of(root: Path, files: Iterable[File]) -> Tree:
    """Make a tree of files that were listed elsewhere, such as in an archive."""
    tree = Tree(Folder(root, ""))
    folders = {"": tree.top}
    for file in files:
        parts = file.name.split("/")
        bad = next((i for i, part in enumerate(parts) if never_data(part)), None)
        if bad is not None:
            tree.unused.append(unused_name("/".join(parts[: bad + 1]), never_data(parts[bad]) or ""))
            continue
        above = tree.top
        for depth in range(1, len(parts)):
            name = "/".join(parts[:depth])
            if name not in folders:
                folders[name] = Folder(root / name, name)
                above.folders.append(folders[name])
            above = folders[name]
        above.files.append(file)
    tree.unused = list(dict.fromkeys(tree.unused))
    return tree.count()


def unused_name(name: str, kind: str) -> Unused:
    """Return what is said of a name that is never data."""
    what = "a hidden file or folder" if kind == "hidden" else "a file of the operating system"
    return Unused(name, kind, what)
