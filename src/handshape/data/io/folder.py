"""List labelled images: label folders, split folders, source folders, or a CSV table."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from handshape.data.dataset import SPLIT_NAMES, Dataset, Sample, SplitName, Unreadable
from handshape.data.io.labels import select_labels
from handshape.data.io.path_patterns import find_in_paths
from handshape.data.io.table import read_table
from handshape.errors import DataError, DataNotFoundError

# Files of file managers.
SYSTEM_FILES = {"thumbs.db", "desktop.ini"}
# No valid expression: that needs a group.
BY_FOLDER = "folder"


def read_folder(
    data: str | Path, *, labels: str | None = None, signer: str | None = None, source: str | None = None
) -> Dataset:
    """List the labelled images under a folder or in a CSV table, without decoding any.

    Labels are folder names, in the order of torchvision's ``ImageFolder``. A signer is a person; a source is
    the room, camera or collection that a photo comes from.

    Args:
        data: ``root/<label>/*``, ``root/{train,valid|val,test}/<label>/*``, or a CSV file with the columns
            ``path,label[,signer][,source][,split]`` (paths relative to the file); with ``source="folder"``
            ``root/<source>/`` followed by one of the first two.
        labels: Labels to keep, as ``A,B,C`` or ``A-I``; ``None`` keeps all.
        signer: Regular expression with one group, searched in each path below the root.
        source: For a table, the name of a column (by default ``source``). For folders, ``folder`` for
            ``root/<source>/``, or a regular expression with one group, searched in each path below the root.

    Returns:
        The data set. Files that are not images are in its ``unreadable``.

    Raises:
        DataNotFoundError: ``data`` does not exist.
        DataError: There is no image, a label is unknown, ``signer`` or ``source`` is malformed or matches
            nothing, a column is missing, or the folders do not fit ``source="folder"``.

    Source: ``torchvision.datasets.ImageFolder`` for the order of labels and files.
    """
    root = Path(data).expanduser()
    if not root.exists():
        raise DataNotFoundError(
            f"no folder or table at {str(root)!r}",
            "a folder of label folders or a CSV file",
            "check the path",
        )
    try:
        rows = list(_rows(root, source))
    except OSError as error:
        raise DataError(
            f"cannot read {str(root)!r} ({error.strerror})", "a folder or a CSV file", "check its permissions"
        ) from error
    base = root.parent if root.is_file() else root
    in_paths = None if source == BY_FOLDER or root.is_file() else source
    return choose_samples(str(root), base.resolve(), rows, labels, signer, in_paths, exists=Path.is_file)


def read_unlabelled(root: str | Path) -> Dataset:
    """List all images below a folder, under one meaningless label: the folder's name."""
    folder = Path(root).expanduser()
    if not folder.is_dir():
        raise DataNotFoundError(f"no folder at {str(folder)!r}", "a folder of photos", "check the path")
    folder = folder.resolve()
    rows = list(_files(folder.parent, folder, None, None))
    return _dataset(folder, rows, (_text(folder.name),), Path.is_file)


def choose_samples(
    data: str,
    root: Path,
    rows: list[Sample],
    labels: str | None,
    signer: str | None,
    source: str | None,
    *,
    exists: Callable[[Path], bool],
) -> Dataset:
    """Make a data set of the files that were found; ``data`` is the name for messages."""
    if not rows:
        raise DataError(
            f"no images in {data!r}",
            "one folder per label with image files in it, or train, valid and test folders of those",
            "put the photos of the label A into a folder called A, and so on",
        )
    chosen = select_labels(sorted({row.label for row in rows}), labels)
    rows = [row for row in rows if row.label in chosen]
    if signer is not None:
        people = find_in_paths(rows, "signer", signer)
        rows = [replace(row, signer=found) for row, found in zip(rows, people, strict=True)]
    if source is not None:
        places = find_in_paths(rows, "source", source)
        rows = [replace(row, source=found) for row, found in zip(rows, places, strict=True)]
    return _dataset(root, rows, chosen, exists)


def _rows(root: Path, source: str | None) -> Iterator[Sample]:
    if root.is_file():
        return read_table(root, source)
    return _walk_sources(root) if source == BY_FOLDER else _walk(root, root, None)


def _walk_sources(root: Path) -> Iterator[Sample]:
    folders = _subfolders(root)
    if not folders:
        raise _misfit(f"there is no folder in {str(root)!r}")
    if given := _split_folders(folders):
        raise _misfit(f"{' and '.join(folder.name for folder in given)} are folders of a split")
    readable = set(Image.registered_extensions())
    for folder in folders:
        files = (entry for entry in folder.iterdir() if not entry.is_dir() and not entry.name.startswith("."))
        loose = sorted(file.name for file in files if file.suffix.lower() in readable)
        if loose:
            raise _misfit(f"{f'{folder.name}/{loose[0]}'!r} is in no label folder")
        rows = list(_walk(root, folder, _text(folder.name)))
        if not rows:
            raise _misfit(f"{folder.name!r} holds no label folder with files in it")
        yield from rows


def _misfit(wrong: str) -> DataError:
    return DataError(
        f"--source folder, but {wrong}",
        "root/<source>/<label>/*",
        r"move the photos, or give an expression that finds the source in their paths, such as 'room(\d+)_'",
    )


def _walk(root: Path, top: Path, source: str | None) -> Iterator[Sample]:
    folders = _subfolders(top)
    if given := _split_folders(folders):
        for folder in given:
            for label in _subfolders(folder):
                yield from _files(root, label, SPLIT_NAMES[folder.name], source)
    else:
        for label in folders:
            yield from _files(root, label, None, source)


def _split_folders(folders: Sequence[Path]) -> list[Path]:
    """Return the folders of a given split; none unless ``train`` and another are among them."""
    given = [folder for folder in folders if folder.name in SPLIT_NAMES]
    return given if len(given) > 1 and any(folder.name == "train" for folder in given) else []


def _subfolders(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _files(root: Path, folder: Path, split: SplitName | None, source: str | None) -> Iterator[Sample]:
    for place, names in sorted(_walk_once(root, folder)):
        for name in sorted(names):
            if not name.startswith(".") and name.lower() not in SYSTEM_FILES:
                path = Path(place, name)
                below = _text(path.relative_to(root).as_posix())
                yield Sample(path, below, _text(folder.name), None, split, source)


def _text(name: str) -> str:
    # Names that are not UTF-8, such as those of old archives, could not be written into a report.
    return os.fsencode(name).decode(errors="replace")


def _walk_once(root: Path, folder: Path) -> Iterator[tuple[str, list[str]]]:
    # A link to a folder above would be followed for ever.
    tops = (root.resolve(), folder.resolve())
    seen = {str(above) for top in tops for above in top.parents} | {str(root.resolve())}
    for place, below, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            below.clear()
            continue
        seen.add(real)
        below[:] = sorted(name for name in below if not name.startswith("."))
        yield place, names


def _dataset(
    root: Path, rows: list[Sample], labels: tuple[str, ...], exists: Callable[[Path], bool]
) -> Dataset:
    readable = set(Image.registered_extensions())
    samples, unreadable = [], []
    for row in rows:
        suffix = row.path.suffix.lower()
        if not exists(row.path):
            unreadable.append(Unreadable(row.name, row.label, "no such file"))
        elif suffix not in readable:
            unreadable.append(Unreadable(row.name, row.label, f"not an image file ({suffix or 'no ending'})"))
        else:
            samples.append(row)
    samples.sort(key=lambda sample: sample.label)  # stable: files of a label keep their order
    return Dataset(root, tuple(samples), labels, tuple(unreadable))
