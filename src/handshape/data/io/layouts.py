"""Recognise how a data set is laid out, and list everything of it that is not used."""

import re
from collections import Counter
from collections.abc import Set

from handshape.data.checks.finding import count_of, listed
from handshape.data.dataset import GroupKind, Sample, SplitName, Unused
from handshape.data.io.folder_tables import read_tables
from handshape.data.io.found import Found, Reading, set_aside
from handshape.data.io.refusals import (
    ambiguous_error,
    flat_error,
    groups_error,
    nothing_error,
    refuse_detection,
)
from handshape.data.io.split_names import find_splits
from handshape.data.io.tree import File, Folder, Tree
from handshape.errors import DataError

# Names that sub-folders of several folders share may be labels; a single one, such as `images`, is not.
_SHARED = 2


def recognise(tree: Tree, wanted: Reading, data: str) -> Found:
    """Recognise the layout of a data set.

    Args:
        tree: Its files and folders.
        wanted: What was asked for.
        data: Its name for messages.

    Raises:
        DataError: There is no image in a layout that handshape knows, or it could be read in two ways.
    """
    if tree.own is not None:
        raise DataError(f"{data!r} is {tree.own}", "photos", "give the folder of the photos")
    found = Found(data, tree, wanted, unused=list(tree.unused))
    top = _look_through(tree.top, found)
    found.folder = top.name
    splits = _splits_in(top, wanted)
    if wanted.label_from is not None:
        _read_flat(found, top, splits)
    elif not read_tables(found, top, None):
        if splits:
            _read_splits(found, top, splits)
        else:
            _read_part(found, top, None)
    found.cut_videos()
    if not found.samples and not found.unreadable:
        raise nothing_error(data, tree, found.unused)
    return found


def _look_through(folder: Folder, found: Found, known: Set[str] = frozenset()) -> Folder:
    """Return the folder that has the labels, or photos named after ``known`` labels, in single folders."""
    while not folder.loose and len(folder.bearing) == 1:
        inner = folder.bearing[0]
        described = any(file.is_table for file in inner.files) or _is_named(inner, known)
        if (inner.loose or not inner.bearing) and not described:
            break  # a label
        if found.wanted.groups and not any(one.bearing for one in inner.bearing):
            break  # a single signer or source
        set_aside(found, [one for one in folder.folders if one is not inner], folder.files)
        folder = inner
    return folder


def _splits_in(top: Folder, wanted: Reading) -> dict[str, SplitName]:
    return find_splits(one.base for one in top.folders) if wanted.layout == "auto" else {}


def _read_splits(found: Found, top: Folder, splits: dict[str, SplitName]) -> None:
    """Read split folders; those with labels first, because file names in the others may name the same."""
    inside = [one for one in top.folders if one.base in splits]
    for folder in sorted(inside, key=lambda one: (not one.bearing, list(splits).index(one.base))):
        known = {sample.label for sample in found.samples}
        inner, split = _look_through(folder, found, known), splits[folder.base]
        if read_tables(found, inner, split):
            continue
        if inner.loose and not inner.bearing:
            if not known:
                raise flat_error(found.data, found.tree, list(splits))
            _read_named(found, inner, known, split)
        else:
            _read_part(found, inner, split)
    found.words = f"split folders {'/'.join(splits)}{' with tables' * (found.kind == 'table')}"
    found.kind, found.splits = "splits", {**splits, **found.splits}
    set_aside(
        found,
        [one for one in top.folders if one not in inside],
        top.files,
        f"beside the split folders {listed(tuple(splits))}",
    )


def _read_part(found: Found, top: Folder, split: SplitName | None) -> None:
    """Read label folders, or signers or sources with label folders in them."""
    refuse_detection(found.data, top)
    groups = found.wanted.groups or (_groups_in(found, top) if found.wanted.layout == "auto" else None)
    if groups is None:
        _read_labels(found, top, split, None)
        found.words = found.words or "label folders"
        return
    found.kind = "groups"
    for folder in top.folders:
        inner = _look_through(folder, found)
        splits = _splits_in(inner, found.wanted) if split is None else {}
        parts = [one for one in inner.folders if one.base in splits]
        for part in parts:
            found.splits[part.name] = splits[part.base]
            _read_labels(found, part, splits[part.base], (groups, folder.base))
        if splits:
            set_aside(found, [one for one in inner.folders if one not in parts], inner.files)
        else:
            _read_labels(found, inner, split, (groups, folder.base))
    set_aside(found, [], top.files)
    found.words = f"{count_of(len(top.bearing), f'{groups} folder', f'{groups} folders')} with label folders"


def _groups_in(found: Found, top: Folder) -> GroupKind | None:
    """Say what the folders are if not labels, by the names that their sub-folders share.

    Raises:
        DataError: They may be labels, or signers or sources.
    """
    folders = [one for one in top.bearing if not one.loose]
    if len(folders) < 2 or len(folders) < len(top.bearing):
        return None
    names = Counter(inner.base for one in folders for inner in one.bearing)
    shared = [name for name, count in names.items() if 2 * count > len(folders) and count > 1]
    tops = [one.base for one in folders]
    if find_splits(shared):
        if any(part.bearing for one in folders for part in one.bearing):
            raise groups_error(found.data, tops)
        return None
    if len(shared) < _SHARED:
        return None
    kinds: tuple[tuple[GroupKind, str | None], ...] = (
        ("signer", found.wanted.signer),
        ("source", found.wanted.source),
    )
    for kind, pattern in kinds:
        captured = _captured(pattern, top) if pattern else set()
        if captured and captured <= set(tops):
            return kind
        if captured and captured <= names.keys():
            return None
    raise ambiguous_error(found.data, tops, shared)


def _captured(pattern: str, top: Folder) -> set[str | None]:
    try:
        matches = [re.search(pattern, file.name) for file in top.all_files() if file.is_photo]
        return {match[1] for match in matches if match}
    except (re.error, IndexError):
        return set()  # the expression is refused later, with its own message


def _read_labels(
    found: Found, top: Folder, split: SplitName | None, group: tuple[GroupKind, str] | None
) -> None:
    """Take each folder in a folder as a label; inside a label, split folders are splits."""
    groups: dict[str, str] = dict([group]) if group else {}
    for folder in top.folders:
        if not folder.photos:
            others = sum(1 for _ in folder.all_files())
            reason = (
                f"no photo in it, but {count_of(others, 'other file', 'other files')}" if others else "empty"
            )
            found.unused.append(Unused(f"{folder.name}/", "empty label", reason, others))
            continue
        parts = _splits_in(folder, found.wanted) if split is None else {}
        for file in folder.all_files():
            part = file.name[len(folder.name) + 1 :].partition("/")[0]
            given = parts.get(part, split)
            found.add(file, Sample(file.path, file.name, folder.base, split=given, **groups))
            if part in parts:
                found.splits[part] = parts[part]
    set_aside(found, [], top.files)


def _read_named(found: Found, top: Folder, known: Set[str], split: SplitName) -> None:
    """Take labels from the beginnings of file names, such as ``A_test.jpg`` (Kaggle's ASL Alphabet)."""
    aside = []
    for file in top.files:
        label = _label_in(file, known)
        if file.is_photo and label is not None:
            found.samples.append(Sample(file.path, file.name, label, None, split))
        else:
            aside.append(file)
    set_aside(found, top.folders, aside)


def _is_named(folder: Folder, known: Set[str]) -> bool:
    """Return whether a folder is no label, and its photos are named after known ones."""
    return folder.base not in known and any(_label_in(file, known) is not None for file in folder.loose)


def _label_in(file: File, known: Set[str]) -> str | None:
    stem = file.base.rpartition(".")[0]
    labels = [one for one in known if re.match(rf"{re.escape(one)}(?![A-Za-z0-9])", stem)]
    return max(labels, key=len, default=None)


def _read_flat(found: Found, top: Folder, splits: dict[str, SplitName]) -> None:
    """Take labels from paths, with ``--label-from``."""
    pattern = found.wanted.label_from
    assert pattern is not None
    start = len(top.name) + 1 if top.name else 0
    for file in top.all_files():
        split = splits.get(file.name[start:].partition("/")[0])
        match = pattern.search(file.name)
        if match and match[1]:
            found.add(file, Sample(file.path, file.name, match[1], None, split))
        else:
            set_aside(found, [], [file], "--label-from finds no label in its path")
    found.kind, found.splits, found.words = "flat", splits, "labels from paths (--label-from)"
