"""Samples of what a program lists itself: paths with labels, or a frame of pandas."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from handshape.data.io.split_names import split_of
from handshape.data.sample import SPLITS, Sample, SplitName
from handshape.errors import DataError

Column = Sequence[Any] | None


def samples_of_paths(
    paths: Sequence[str | Path],
    labels: Sequence[str],
    signers: Column = None,
    sources: Column = None,
    splits: Column = None,
) -> tuple[Path, tuple[Sample, ...], tuple[str, ...]]:
    """Return root, samples and labels of N image files.

    Raises:
        DataError: There is no image, or there are not N of each.
    """
    given = {"labels": labels, "signers": signers, "sources": sources, "splits": splits}
    for name, values in given.items():
        if values is not None and len(values) != len(paths):
            raise DataError(
                f"{len(values)} {name} for {len(paths)} paths", "one for each path", "check the lists"
            )
    if not len(paths):
        raise DataError("0 paths", "at least one image file", "check the list")
    # Not resolved: a link in a label's folder keeps its place there.
    files = [Path(path).expanduser().absolute() for path in paths]
    root = Path(os.path.commonpath([file.parent for file in files]))
    if all(file.parent == root for file in files) and len({str(label) for label in labels}) == 1:
        root = root.parent  # so that names say the label
    rows = [
        Sample(
            file,
            file.relative_to(root).as_posix(),
            str(label),
            _known(signers, index),
            _split(splits, index),
            _known(sources, index),
        )
        for index, (file, label) in enumerate(zip(files, labels, strict=True))
    ]
    rows.sort(key=lambda sample: sample.label)
    return root, tuple(rows), tuple(sorted({row.label for row in rows}))


def columns_of_frame(frame: Any, names: tuple[str, str, str, str, str]) -> tuple[Any, ...]:
    """Return the columns of a pandas frame: paths, labels, and signers, sources and splits or None.

    Raises:
        DataError: Paths or labels are missing.
    """
    for name in names[:2]:
        if name not in frame.columns:
            raise DataError(
                f"no column {name!r} in the frame",
                f"one of {', '.join(map(str, frame.columns))}",
                "name the columns with path= and label=",
            )
    return tuple(frame[name].tolist() if name in frame.columns else None for name in names)


def _known(column: Column, index: int) -> str | None:
    value = None if column is None else column[index]
    return None if value is None or value != value else str(value)  # pandas has NaN for what is missing


def _split(column: Column, index: int) -> SplitName | None:
    word = _known(column, index)
    if word is None:
        return None
    found = split_of(word)
    if found is None:
        raise DataError(f"the split {word!r}", f"one of {', '.join(SPLITS)}", "rename it")
    return found
