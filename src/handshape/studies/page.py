"""The page of a study: sections of sentences, tables, plots and photos."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from handshape.data.data_report import DataReport
from handshape.evaluation.json_result import JsonResult
from handshape.evaluation.report import plots
from handshape.evaluation.report.page import environment
from handshape.evaluation.report.thumbnails import data_address

_CELL, _GAP, _MARGIN, _TOP = 104, 4, 130, 26
_PAPER, _INK = (255, 255, 255), (30, 30, 30)


@dataclass(frozen=True)
class PageTable(JsonResult):
    """A table whose first column names the rows.

    Args:
        words: Its caption.
        columns: Column headers.
        rows: One cell for each column.
    """

    words: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class PageImage:
    """A plot or a sheet of photos, which also goes to ``plots/``: as PNG, a plot as SVG, too.

    Args:
        name: Of its file; unlike any other of the study.
        caption: What stands above it.
        content: A plot from `new_plot`, or photos from `photo_grid`.
        words: Description for screen readers.
    """

    name: str
    caption: str
    content: Drawing | NDArray[np.uint8]
    words: str


@dataclass(frozen=True)
class Section:
    """A part of the page with a title of its own.

    Args:
        place: Its anchor; ``data`` and ``made`` are taken.
        title: Its title.
        text: Paragraphs, plain text.
        parts: What stands below them, in order.
    """

    place: str
    title: str
    text: Sequence[str] = ()
    parts: Sequence[PageTable | PageImage] = ()


@dataclass(frozen=True)
class StudyOutcome:
    """The result of a study.

    Args:
        answer: The sentence that the figures support, without a full stop.
        figures: What ``metrics.json`` holds beside the answer: plain JSON types.
        sections: The page.
        summary: The table that a terminal shows.
        cautions: What limits the answer: pairs of a title and a sentence.
    """

    answer: str
    figures: dict[str, Any]
    sections: Sequence[Section]
    summary: PageTable
    cautions: Sequence[tuple[str, str]] = field(default_factory=tuple)


def new_plot(height: float, xlabel: str, ylabel: str) -> tuple[Drawing, Axes]:
    """Return an empty plot in the style of reports; height in inches."""
    with matplotlib.rc_context(plots.STYLE):
        drawing = plots.new_figure(plots.PLOT_WIDTH + 0.6, height)
        axes = drawing.subplots()
        axes.set_xlabel(xlabel)
        axes.set_ylabel(ylabel)
        axes.grid(axis="y")
    return drawing, axes


def add_legend(drawing: Drawing) -> None:
    """Put a legend below a plot."""
    with matplotlib.rc_context(plots.STYLE):
        drawing.legend(loc="outside lower center", ncols=2)


def photo_grid(
    rows: Sequence[NDArray[np.uint8]], names: Sequence[str], heads: Sequence[str] = ()
) -> NDArray[np.uint8]:
    """Draw rows of photos.

    Args:
        rows: (n, H, W, 3) uint8, RGB, for each row.
        names: Words beside each row, short.
        heads: Words above each column, short; none when left out.

    Returns:
        (H, W, 3) uint8, RGB.
    """
    step, top = _CELL + _GAP, _TOP if heads else _GAP
    columns = max(len(row) for row in rows)
    sheet = Image.new("RGB", (_MARGIN + step * columns, top + step * len(rows)), _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for column, head in enumerate(heads):
        draw.text((_MARGIN + step * column + _CELL / 2, top / 2), head[:12], _INK, font, anchor="mm")
    for row, (name, photos) in enumerate(zip(names, rows, strict=True)):
        draw.text((_MARGIN - 10, top + step * row + _CELL / 2), name, _INK, font, anchor="rm", align="right")
        for column, pixels in enumerate(photos):
            photo = Image.fromarray(pixels).resize((_CELL, _CELL), Image.Resampling.LANCZOS)
            sheet.paste(photo, (_MARGIN + step * column, top + step * row))
    return np.asarray(sheet)


def percent(share: float, digits: int = 1) -> str:
    """Return a share in percent."""
    return f"{100 * share:.{digits}f} %"


def percent_range(low: float, high: float) -> str:
    """Return an interval in percent."""
    return f"{100 * low:.1f} to {percent(high)}"


def write_study_page(
    folder: Path, outcome: StudyOutcome, report: DataReport, description: Mapping[str, Any]
) -> None:
    """Write ``report.html``, and the plots and photos on it, into ``plots/``.

    Args:
        folder: The run.
        outcome: The result of the study.
        report: The photos it was measured on.
        description: What the run's ``config.json`` holds.
    """
    (folder / "plots").mkdir()
    drawings: dict[str, Markup | str] = {}
    for part in (part for section in outcome.sections for part in section.parts):
        if not isinstance(part, PageImage):
            continue
        png = folder / "plots" / f"{part.name}.png"
        if isinstance(part.content, Drawing):
            svg = plots.to_svg(part.content, part.name, part.words)
            plots.write_svg(png.with_suffix(".svg"), svg)
            with matplotlib.rc_context(plots.STYLE):
                part.content.savefig(png, dpi=160, facecolor="white", metadata={"Software": None})
            drawings[part.name] = Markup(svg)
        else:
            Image.fromarray(part.content).save(png, optimize=True)
            drawings[part.name] = data_address(part.content)
    values = {"outcome": outcome, "drawings": drawings, "data_report": report, "split": report.split}
    command = shlex.join(["handshape", *description["argv"]]) if description["argv"] else ""
    page = environment().get_template("study.html").render(
        values, split_sentence=report.claim.sentence, description=description, command=command,
        version=version("handshape"),
    )  # fmt: skip
    (folder / "report.html").write_text(page, encoding="utf-8")
