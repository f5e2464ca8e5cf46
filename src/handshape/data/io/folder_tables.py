"""Read the tables that lie in a folder beside its photos."""

from dataclasses import replace
from pathlib import Path

from handshape.data.checks.finding import listed
from handshape.data.dataset import SplitName, Unused
from handshape.data.io.found import Found, Reading, set_aside
from handshape.data.io.pixels import read_pixels
from handshape.data.io.refusals import nothing_error, several_error
from handshape.data.io.split_names import find_splits
from handshape.data.io.table import Table, find_beside, parse_table, read_rows
from handshape.data.io.tree import File, Folder, Tree
from handshape.errors import DataError


def read_tables(found: Found, top: Folder, split: SplitName | None) -> bool:
    """Read the tables that are directly in a folder, if they describe its photos; say whether they do."""
    names = {one.base for one in top.bearing}
    has_label_folders = any(one.bearing for one in top.bearing) or len(names - find_splits(names).keys()) > 1
    files = [file for file in top.files if file.is_table]
    if has_label_folders or not files:
        return False
    there = _Photos(top)
    tables = {file.base: one for file in files if (one := _opened(found, file)) and _describes(one, there)}
    for kind in (lambda one: one.has_pixels, lambda one: bool(one.one_hot), lambda one: one.has_labels):
        chosen = {name: one for name, one in tables.items() if kind(one)}
        if chosen:
            break
    else:
        return False
    stems = find_splits(name.rpartition(".")[0] for name in chosen)
    if len(chosen) > 1 and len(stems) < len(chosen):
        raise several_error(found.data, sorted(chosen))
    for name, table in chosen.items():
        part = split or stems.get(name.rpartition(".")[0])
        if stems:
            found.splits[name] = stems[name.rpartition(".")[0]]
        rows = (
            read_pixels(table, found.wanted.cache, part) if table.has_pixels else read_rows(table, there.find)
        )
        found.take(rows, part)
        found.kind = "pixels" if table.has_pixels else "table"
        found.words = (
            f"{'table of pixels' if table.has_pixels else 'table'} {listed(tuple(chosen))} ({table.words})"
        )
    used = {one.name for one in found.samples}
    rest = [file for file in top.all_files() if file.name not in used and file.base not in chosen]
    set_aside(found, [], rest, f"not in {listed(tuple(chosen))}")
    return True


class _Photos:
    """Finds photos below a folder by the paths that a table has: from the folder, or from one in it."""

    def __init__(self, top: Folder) -> None:
        start = len(top.name) + 1 if top.name else 0
        self._files = {file.name[start:]: file for file in top.all_files()}
        self._places = ["", *(f"{folder.base}/" for folder in top.folders)]

    def find(self, path: str) -> File | None:
        """Return a photo by the path in a table."""
        plain = path.replace("\\", "/").removeprefix("./")
        return next((self._files[p + plain] for p in self._places if p + plain in self._files), None)


def _opened(found: Found, file: File) -> Table | None:
    try:
        return parse_table(file.path.read_bytes(), file.name)
    except OSError as error:
        found.unused.append(Unused(file.name, "table", f"cannot be read ({error.strerror})"))
    except DataError:
        pass  # it is listed with what is not used
    return None


def _describes(table: Table, photos: _Photos) -> bool:
    column = table.columns.get("path")
    if column is None:
        return table.has_pixels
    return any(photos.find(row[column].strip()) for _, row in table.lines if column < len(row))


def read_table_file(table: Path, wanted: Reading, data: str) -> Found:
    """Read a table whose path was given.

    Raises:
        DataError: It is not a table of labelled images.
        OSError: It cannot be read.
    """
    opened = parse_table(table.read_bytes(), data, wanted.source)
    found = Found(data, Tree(Folder(table.parent, "")), wanted, names_columns=True)
    found.kind = "pixels" if opened.has_pixels else "table"
    if opened.has_pixels:
        opened = replace(opened, name=table.name)
        found.take(read_pixels(opened, wanted.cache, None), None)
    elif opened.has_labels or opened.one_hot:
        opened = replace(opened, name=table.name)
        found.take(read_rows(opened, find_beside(table.parent, opened)), None)
    else:
        raise opened.columns_error()
    found.words = f"table{' of pixels' * opened.has_pixels} ({opened.words})"
    found.cut_videos()
    if not found.samples and not found.unreadable:
        raise nothing_error(data, found.tree, found.unused)
    return found
