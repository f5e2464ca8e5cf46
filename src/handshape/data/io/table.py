"""Read a CSV table of labelled images."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from handshape.data.dataset import SPLIT_NAMES, SPLITS, Sample
from handshape.errors import DataError

_COLUMNS = "path,label[,signer][,source][,split]"
_SOURCE = "source"


def read_table(table: Path, source: str | None = None) -> Iterator[Sample]:
    """Yield the images that a table lists, in its order.

    Args:
        table: CSV file in UTF-8 with the columns ``path,label[,signer][,source][,split]``; paths are relative
            to it.
        source: Column that names each image's source; ``None`` takes ``source``, if the table has it.

    Yields:
        One sample for each line.

    Raises:
        DataError: A column, a path or a label is missing, a split is not one of the three, or it is not a
            table.
        OSError: The file cannot be read.
    """
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            _check_columns(table, reader.fieldnames or (), source)
            for line, row in enumerate(reader, start=2):
                yield _row(table, line, row, source or _SOURCE)
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"{str(table)!r} is not a table ({error})", "a folder or a CSV file in UTF-8", "check the path"
        ) from error


def _check_columns(table: Path, columns: Sequence[str], source: str | None) -> None:
    missing = {"path", "label"} - set(columns)
    if missing:
        raise DataError(
            f"{str(table)!r} has no column {' or '.join(sorted(missing))}",
            f"a CSV file with the columns {_COLUMNS}",
            "add a first line with these names",
        )
    if source is not None and source not in columns:
        raise DataError(
            f"{str(table)!r} has no column {source!r} for --source",
            f"one of {', '.join(columns)}",
            "give the column with the room or camera of each photo",
        )


def _row(table: Path, line: int, row: dict[str, str | None], source: str) -> Sample:
    values = {key: (value or "").strip() for key, value in row.items() if isinstance(key, str)}
    if not values["path"] or not values["label"]:
        raise DataError(f"{str(table)!r} line {line} lacks a path or a label", "both", "complete the line")
    given = values.get("split", "")
    if given and given not in SPLIT_NAMES:
        raise DataError(
            f"{str(table)!r} line {line} has the split {given!r}", f"one of {', '.join(SPLITS)}", "correct it"
        )
    return Sample(
        path=(table.parent / values["path"]).absolute(),
        name=values["path"].replace("\\", "/"),
        label=values["label"],
        signer=values.get("signer") or None,
        split=SPLIT_NAMES[given] if given else None,
        source=values.get(source) or None,
    )
