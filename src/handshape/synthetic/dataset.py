"""Write a folder of synthetic images, one folder per label, with a table of ground truth."""

import csv
import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from PIL import Image

from handshape.cache.atomic import reserve
from handshape.errors import OutputError
from handshape.synthetic.picture import Truth, draw_image
from handshape.synthetic.scene import Style
from handshape.synthetic.signer import make_signer
from handshape.synthetic.skeleton import JOINTS

TRUTH = "truth.csv"
"""Name of the table at the root of a drawn data set."""

COLUMNS = (
    *("path", "label", "signer", "handedness", "style", "tone"),
    *("turn", "tilt", "roll", "x0", "y0", "x1", "y1"),
    *JOINTS,
)
"""Columns of the table: angles in degrees, the hand's box in pixels (x1 and y1 exclusive)."""

TruthRow = tuple[str | int, ...]

_QUALITY = 92
_WORTH_A_PROCESS = 200  # with fewer images, starting processes takes longer


def draw_dataset(
    out: Path,
    labels: Sequence[str],
    *,
    signers: int,
    images: int,
    size: int = 224,
    style: Style = "studio",
    seed: int = 0,
    force: bool = False,
    workers: int = 1,
    progress: Callable[[int], None] | None = None,
) -> list[TruthRow]:
    """Draw a data set into ``out/<label>/signer<N>_<label>_<index>.jpg`` with ``out/truth.csv``.

    Every image has its own seed, so the bytes do not depend on the number of processes.

    Args:
        out: Folder to make.
        labels: Letters to draw.
        signers: Number of signers, named from 1.
        images: Pictures per label and signer.
        size: Height and width, pixels.
        style: Kind of background.
        seed: Seed of signers and pictures.
        force: Whether a folder that is not empty is replaced.
        workers: Processes to draw with; small sets are drawn in this one.
        progress: Called with the number of pictures just finished.

    Returns:
        The rows of the table, in the order of ``COLUMNS``.

    Raises:
        OutputError: ``out`` is a file or a folder that is not empty, and ``force`` is not given.
        UsageError: A label is not a letter.
    """
    with _new_folder(out, force) as folder:
        for label in labels:
            (folder / label).mkdir()
        pairs = [(label, number + 1) for label in labels for number in range(signers)]
        draw = partial(_draw_batch, folder, images=images, size=size, style=style, seed=seed)
        rows = []
        for drawn in _run(draw, pairs, workers if len(pairs) * images >= _WORTH_A_PROCESS else 1):
            rows += drawn
            if progress is not None:
                progress(len(drawn))
        _write_table(folder / TRUTH, rows)
    return rows


def _run(
    draw: Callable[[tuple[str, int]], list[TruthRow]], pairs: Sequence[tuple[str, int]], workers: int
) -> Iterator[list[TruthRow]]:
    if workers <= 1:
        yield from map(draw, pairs)
        return
    # Spawned, not forked: a fork of a process in which torch runs threads may hang.
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(draw, pairs)


def _draw_batch(
    folder: Path, pair: tuple[str, int], *, images: int, size: int, style: Style, seed: int
) -> list[TruthRow]:
    """Draw the images of one label and signer."""
    label, number = pair
    signer, rows = make_signer(number, seed), []
    for index in range(images):
        drawn = draw_image(label, signer, seed=seed, index=index, size=size, style=style)
        name = f"{label}/signer{number}_{label}_{index:04d}.jpg"
        Image.fromarray(drawn.pixels).save(folder / name, quality=_QUALITY)
        rows.append(_row(name, drawn.truth))
    return rows


def _row(name: str, truth: Truth) -> TruthRow:
    angles = (f"{angle:.2f}" for angle in (*truth.view, *truth.pose))
    turn, tilt, roll, *pose = angles
    known = (name, truth.label, truth.signer, truth.handedness, truth.style, truth.tone)
    return (*known, turn, tilt, roll, *truth.box, *pose)


def _write_table(path: Path, rows: Iterable[TruthRow]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        table.writerows(rows)


@contextmanager
def _new_folder(out: Path, force: bool) -> Iterator[Path]:
    """Yield a temporary folder that becomes ``out`` when the block ends without an error."""
    _check_folder(out, force)
    with reserve(out.resolve(), f"drawn hands to {str(out)!r}") as reserved, reserved.new() as folder:
        folder.mkdir()
        yield folder


def _check_folder(out: Path, force: bool) -> None:
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not force:
        raise OutputError(
            f"{str(out)!r} is not empty",
            "a new or empty folder",
            "choose another folder, or add --force to replace it",
        )
    if not (out / TRUTH).is_file():  # never delete a user's photos
        raise OutputError(
            f"{str(out)!r} contains something other than drawn hands",
            "a drawn data set, which --force may replace",
            "choose another folder",
        )
