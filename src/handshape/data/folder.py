"""Read the three layouts of labelled images: class folders, split folders, and a CSV table."""

import csv
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from PIL import Image

from handshape.data.labels import select_labels
from handshape.data.sample import SPLITS, Dataset, Sample, SplitName, Unreadable
from handshape.errors import DataError, DataNotFoundError

_SPLIT_FOLDERS: dict[str, SplitName] = {"train": "train", "valid": "valid", "val": "valid", "test": "test"}
# Left behind by file managers; nobody means them as images.
_SYSTEM_FILES = {"thumbs.db", "desktop.ini"}


def read_folder(data: str | Path, *, labels: str | None = None, signer: str | None = None) -> Dataset:
    """List the labelled images under a folder or in a CSV table, without decoding any.

    Labels come from folder names and their order is that of torchvision's ``ImageFolder``.

    Args:
        data: ``root/<label>/*``, ``root/{train,valid|val,test}/<label>/*``, or a CSV file with the columns
            ``path,label[,signer][,split]`` (paths relative to the file).
        labels: Labels to keep, as ``A,B,C`` or ``A-I``; ``None`` keeps all.
        signer: Regular expression with one group, searched in each path below the root.

    Returns:
        The data set. Files that are no images are listed in its ``unreadable``.

    Raises:
        DataNotFoundError: ``data`` does not exist.
        DataError: No image is there, a label is unknown, or ``signer`` is malformed or matches nothing.

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
        rows = list(_read_table(root) if root.is_file() else _walk(root))
    except OSError as error:
        raise DataError(
            f"cannot read {str(root)!r} ({error.strerror})", "a folder or a CSV file", "check its permissions"
        ) from error
    if not rows:
        raise DataError(
            f"no images in {str(root)!r}",
            "one folder per label with image files in it (or train, valid and test folders of those)",
            "put the photos of the label A into a folder called A, and so on",
        )
    chosen = select_labels(sorted({row.label for row in rows}), labels)
    rows = [row for row in rows if row.label in chosen]
    if signer is not None:
        rows = _with_signers(rows, signer)
    base = root.parent if root.is_file() else root
    return _dataset(base.resolve(), rows, chosen)


def _walk(root: Path) -> Iterator[Sample]:
    folders = _subfolders(root)
    given = [f for f in folders if f.name in _SPLIT_FOLDERS]
    if any(f.name == "train" for f in given) and len(given) > 1:
        for folder in given:
            for label in _subfolders(folder):
                yield from _files(root, label, _SPLIT_FOLDERS[folder.name])
    else:
        for label in folders:
            yield from _files(root, label, None)


def _subfolders(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _files(root: Path, folder: Path, split: SplitName | None) -> Iterator[Sample]:
    for place, names in sorted(_walk_once(root, folder)):
        for name in sorted(names):
            if not name.startswith(".") and name.lower() not in _SYSTEM_FILES:
                path = Path(place, name)
                below = _text(path.relative_to(root).as_posix())
                yield Sample(path, below, _text(folder.name), None, split)


def _text(name: str) -> str:
    # Names that are not UTF-8, from an old archive say, could not be written into any report.
    return os.fsencode(name).decode(errors="replace")


def _walk_once(root: Path, folder: Path) -> Iterator[tuple[str, list[str]]]:
    # A link that leads back up would be walked for ever, and would bring in the photos of other labels.
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


def _read_table(table: Path) -> Iterator[Sample]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = {"path", "label"} - set(reader.fieldnames or ())
            if missing:
                raise DataError(
                    f"{str(table)!r} has no column {' or '.join(sorted(missing))}",
                    "a CSV file with the columns path,label[,signer][,split]",
                    "add a first line with these names",
                )
            for line, row in enumerate(reader, start=2):
                yield _row(table, line, row)
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"{str(table)!r} is not a table ({error})", "a folder or a CSV file in UTF-8", "check the path"
        ) from error


def _row(table: Path, line: int, row: dict[str, str | None]) -> Sample:
    values = {key: (value or "").strip() for key, value in row.items() if isinstance(key, str)}
    if not values["path"] or not values["label"]:
        raise DataError(f"{str(table)!r} line {line} lacks a path or a label", "both", "complete the line")
    given = values.get("split", "")
    if given and given not in _SPLIT_FOLDERS:
        raise DataError(
            f"{str(table)!r} line {line} has the split {given!r}", f"one of {', '.join(SPLITS)}", "correct it"
        )
    split = _SPLIT_FOLDERS[given] if given else None
    path = (table.parent / values["path"]).absolute()
    return Sample(
        path, values["path"].replace("\\", "/"), values["label"], values.get("signer") or None, split
    )


def _with_signers(rows: list[Sample], pattern: str) -> list[Sample]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise DataError(
            f"--signer {pattern!r} is no regular expression ({error})",
            r"one with one group, such as 'hand(\d+)_'",
            "correct it",
        ) from error
    if compiled.groups != 1:
        raise DataError(
            f"--signer {pattern!r} has {compiled.groups} groups", "exactly one", r"write it like 'hand(\d+)_'"
        )
    matches = [compiled.search(row.name) for row in rows]
    if not any(matches):
        raise DataError(
            f"--signer {pattern!r} matches no path",
            f"a match in paths such as {rows[0].name!r}",
            "correct the expression",
        )
    return [replace(row, signer=m.group(1) if m else None) for row, m in zip(rows, matches, strict=True)]


def _dataset(root: Path, rows: list[Sample], labels: tuple[str, ...]) -> Dataset:
    readable = set(Image.registered_extensions())
    samples, unreadable = [], []
    for row in rows:
        suffix = row.path.suffix.lower()
        if not row.path.is_file():
            unreadable.append(Unreadable(row.name, row.label, "no such file"))
        elif suffix not in readable:
            unreadable.append(Unreadable(row.name, row.label, f"not an image file ({suffix or 'no ending'})"))
        else:
            samples.append(row)
    samples.sort(key=lambda sample: sample.label)  # stable: within a label the order of the walk stays
    return Dataset(root, tuple(samples), labels, tuple(unreadable))
