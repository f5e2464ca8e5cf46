"""Read tables of labelled images in the forms that people have them."""

import codecs
import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from handshape.data.dataset import Sample, Unused
from handshape.data.images.formats import PHOTO_ENDINGS
from handshape.data.io.split_names import split_of
from handshape.data.io.tree import File, text_of
from handshape.errors import DataError

Find = Callable[[str], File | None]
"""Finds a file by the path in a table."""
# Usual names of each column; the first of a row wins where a table has several of them.
_NAMES = {
    "path": "path file_path filepath image_path img_path photo_path file filename file_name image_name "
    "image_file image img photo image_id",
    "label": "label class class_name label_name sign letter gesture category target",
    "signer": "signer signer_id person person_id user user_id subject subject_id participant participant_id",
    "source": "source room camera device collection location",
    "split": "split set subset partition",
}
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_COLUMNS = "path,label[,signer][,source][,split]"
_SAMPLE_ROWS = 20
_LEAST_PIXELS = 64


@dataclass(frozen=True)
class Table:
    """A table as text: how it is written, and what its columns are.

    Args:
        name: Its name below the data set's root.
        lines: Rows of cells with their line numbers, without the headings.
        headings: Names of the columns as they are written; empty if the table has none.
        columns: Column of each of path, label, signer, source and split that the table has.
        words: How it is written, such as ``semicolons, cp1252``.
    """

    name: str
    lines: list[tuple[int, list[str]]]
    headings: tuple[str, ...]
    columns: dict[str, int]
    words: str

    @property
    def one_hot(self) -> dict[str, int]:
        """Column of each label in a table of 0 and 1 (Roboflow's classification export), or nothing."""
        if "path" not in self.columns or "label" in self.columns or len(self.headings) < 3:
            return {}
        labels = {name: place for place, name in enumerate(self.headings) if place != self.columns["path"]}
        cells = {
            row[place].strip()
            for _, row in self.lines[:_SAMPLE_ROWS]
            for place in labels.values()
            if place < len(row)
        }
        return labels if cells and cells <= {"0", "1"} else {}

    @property
    def has_pixels(self) -> bool:
        """Whether each row is a label with the grey levels of a square image."""
        count = max(0, len(self.headings) - 1)
        numbered = sum(
            name.lower().removeprefix("pixel").removeprefix("px").isdigit() for name in self.headings
        )
        square = round(count**0.5) ** 2 == count
        return "label" in self.columns and count >= _LEAST_PIXELS and square and numbered == count

    @property
    def has_boxes(self) -> bool:
        """Whether it lists boxes in photos: an export for detection."""
        return {"xmin", "ymin", "xmax", "ymax"} <= {name.lower() for name in self.headings}

    @property
    def has_labels(self) -> bool:
        """Whether it has a label for each path."""
        return {"path", "label"} <= self.columns.keys() and not self.has_boxes

    def columns_error(self) -> DataError:
        """Return the error of a table without the columns that are needed, with those that it has."""
        found = ", ".join(self.headings[:12]) or ", ".join(self.lines[0][1][:12] if self.lines else ["none"])
        more = f" and {len(self.headings) - 12} more" if len(self.headings) > 12 else ""
        lacking = " or ".join(name for name in ("label", "path") if name not in self.columns)
        return DataError(
            f"{self.name!r} has no column {lacking or 'label for whole photos'} (written with {self.words}; "
            f"columns: {found}{more})",
            f"a table with the columns {_COLUMNS}",
            "add a first line with these names",
        )


def parse_table(data: bytes, name: str, source: str | None = None) -> Table:
    """Find out how a table is written.

    Args:
        data: Its content.
        name: Its name for messages.
        source: Column that names each image's source, instead of one of the usual names.

    Raises:
        DataError: It is not a table, or lacks the column ``source``.
    """
    text, encoding = _decode(data, name)
    delimiter = _delimiter(text)
    try:
        rows = [
            (number, row) for number, row in _numbered(text, delimiter) if any(cell.strip() for cell in row)
        ]
    except csv.Error as error:
        raise _no_table(name, str(error)) from error
    first = tuple(cell.strip() for cell in rows[0][1]) if rows else ()
    columns = _named(first)
    headed = bool(columns) and not any(_is_photo(cell) for cell in first)
    if source is not None:
        if source not in first:
            raise DataError(
                f"{name!r} has no column {source!r} for --source",
                f"one of {', '.join(first)}",
                "give the column with the room or camera of each photo",
            )
        columns["source"], headed = first.index(source), True
    words = f"{_DELIMITERS[delimiter]}, {encoding}"
    if headed:
        return Table(name, rows[1:], first, columns, words)
    return Table(name, rows, (), _by_content(rows), f"{words}, without known headings")


def read_rows(table: Table, find: Find) -> Iterator[Sample | Unused]:
    """Yield each row of a table as a sample, or as unused with the reason.

    Args:
        table: With a path and a label, or a path and a column of 0 and 1 for each label.
        find: Finds the files.
    """
    one_hot = table.one_hot
    for number, row in table.lines:
        values = {key: row[place].strip() for key, place in table.columns.items() if place < len(row)}
        path, label = values.get("path", ""), values.get("label", "")
        if one_hot:
            ones = [name for name, place in one_hot.items() if place < len(row) and row[place].strip() == "1"]
            label = ones[0] if len(ones) == 1 else ""
        split, given = None, values.get("split", "")
        if given:
            split = split_of(given)
        reason = None
        if not path:
            reason = "it has no path"
        elif not label:
            reason = f"it has {len(ones)} labels instead of one" if one_hot else "it has no label"
        elif given and split is None:
            reason = f"its split {given!r} is none of train, valid and test"
        file = None if reason else find(path)
        if file is None:
            reason = reason or f"there is no file {text_of(path)!r}"
            yield Unused(f"{table.name} line {number}", "table row", reason)
        else:
            signer, source = values.get("signer") or None, values.get("source") or None
            yield Sample(file.path, file.name, label, signer, split, source)


def find_beside(folder: Path, table: Table) -> Find:
    """Return a function that finds files beside a table, or all in one folder beside it."""
    column = table.columns.get("path", 0)
    first = next((row[column].strip() for _, row in table.lines if column < len(row)), "")
    places = [folder]
    if first and not _existing(folder, first):
        with_it = (one for one in sorted(folder.iterdir()) if one.is_dir() and _existing(one, first))
        places = list(islice(with_it, 1)) or [folder]

    def find(path: str) -> File | None:
        found = _existing(places[0], path)
        if found is None:
            return None
        shown = path if places[0] == folder else f"{places[0].name}/{path}"
        return File(found, text_of(shown.replace("\\", "/")))

    return find


def _existing(folder: Path, path: str) -> Path | None:
    for name in dict.fromkeys((path, path.replace("\\", "/"))):
        try:
            if (folder / name).is_file():
                return (folder / name).absolute()
        except (OSError, ValueError):  # too long a name, or a null character
            continue
    return None


def _decode(data: bytes, name: str) -> tuple[str, str]:
    magic = {b"PAR1": "a Parquet file", b"PK\x03\x04": "a workbook or a zip archive", b"\x89PNG": "an image"}
    for start, what in magic.items():
        if data.startswith(start):
            raise _no_table(name, what)
    marks = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
    marked = next((encoding for mark, encoding in marks.items() if data.startswith(mark)), None)
    tried = [marked] if marked else ["utf-8", "cp1252"]
    if marked is None and len(data) > 1 and 0 in data[:2]:
        tried = ["utf-16-le" if data[1] == 0 else "utf-16-be"]
    for encoding in tried:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError as error:
            reason = str(error)
        else:
            if "\0" in text:
                raise _no_table(name, "it holds null characters")
            return text, {"utf-8-sig": "UTF-8", "utf-8": "UTF-8"}.get(encoding, encoding.upper())
    raise _no_table(name, reason)


def _no_table(name: str, reason: str) -> DataError:
    return DataError(
        f"{name!r} is not a table ({reason})",
        "a folder, a zip or tar archive, or a table as text (CSV, TSV)",
        "check the path, or save the table as CSV",
    )


def _delimiter(text: str) -> str:
    """Return the delimiter that divides the first lines into equally many columns, the more the better."""
    lines = "\n".join(islice(io.StringIO(text, newline=None), _SAMPLE_ROWS))

    def quality(delimiter: str) -> tuple[bool, int]:
        try:
            widths = [len(row) for row in csv.reader(io.StringIO(lines), delimiter=delimiter) if row]
        except csv.Error:
            return False, 0
        return len(set(widths)) == 1 and widths[0] > 1, max(widths, default=0)

    return max(_DELIMITERS, key=quality)


def _numbered(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    line = 1
    for row in reader:
        yield line, row
        line = reader.line_num + 1


def _named(headings: Sequence[str]) -> dict[str, int]:
    plain = ["_".join(heading.lower().replace("-", " ").split()) for heading in headings]
    found = {}
    for column, names in _NAMES.items():
        place = next((plain.index(name) for name in names.split() if name in plain), None)
        if place is not None:
            found[column] = place
    return found


def _is_photo(cell: str) -> bool:
    return any(cell.lower().endswith(ending) for ending in PHOTO_ENDINGS)


def _by_content(rows: list[tuple[int, list[str]]]) -> dict[str, int]:
    """Return the columns of a table without headings: of two, the one with names of photos is the path."""
    first = [row for _, row in rows[:_SAMPLE_ROWS]]
    if not first or any(len(row) != 2 for row in first):
        return {}
    photos = [place for place in (0, 1) if all(_is_photo(row[place].strip()) for row in first)]
    return {"path": photos[0], "label": 1 - photos[0]} if len(photos) == 1 else {}
