"""What a study has to say: sections of sentences, tables, plots and pictures, and the page they stand on."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from handshape.data.data_report import DataReport
from handshape.evaluation.report import plots
from handshape.evaluation.report.cautions import SPLIT_SENTENCES
from handshape.evaluation.report.page import environment
from handshape.evaluation.report.thumbnails import data_address


@dataclass(frozen=True)
class Table:
    """A table: the first cell of each row names it, and the others are shown as they are written.

    Args:
        words: Its caption.
        columns: Heads of the columns.
        rows: One cell for each column.
        chosen: Name of the row that is set in bold, if any.
        texts: Heads of the columns that hold text, not numbers; the first one need not be named.
    """

    words: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    chosen: str = ""
    texts: Sequence[str] = ()
    kind: str = "table"


@dataclass(frozen=True)
class Plot:
    """A plot, which also goes to ``plots/`` as SVG and PNG.

    Args:
        name: Of its file; unlike any other of the study.
        caption: What stands above it.
        figure: From `handshape.evaluation.report.plots.new_figure`, drawn under its ``STYLE``.
        words: What the plot shows, for those who do not see it.
    """

    name: str
    caption: str
    figure: Figure
    words: str
    kind: str = "plot"


@dataclass(frozen=True)
class Picture:
    """A picture of photos, which also goes to ``plots/`` as PNG.

    Args:
        name: Of its file; unlike any other of the study.
        caption: What stands above it.
        pixels: (H, W, 3) uint8, RGB.
        words: What the picture shows, for those who do not see it.
    """

    name: str
    caption: str
    pixels: NDArray[np.uint8]
    words: str
    kind: str = "picture"


Part = Table | Plot | Picture


@dataclass(frozen=True)
class Section:
    """A part of the page with a title of its own.

    Args:
        place: Its anchor; ``made`` is taken.
        title: Its title.
        text: Paragraphs, plain text.
        parts: What stands below them, in order.
    """

    place: str
    title: str
    text: Sequence[str] = ()
    parts: Sequence[Part] = ()


@dataclass(frozen=True)
class Outcome:
    """What a study found.

    Args:
        answer: The sentence that the figures support, without a full stop.
        figures: What ``metrics.json`` holds beside the answer: plain JSON.
        sections: The page.
        summary: The table that a terminal shows.
        cautions: What changes how far to believe the answer: pairs of a title and a sentence.
    """

    answer: str
    figures: dict[str, Any]
    sections: Sequence[Section]
    summary: Table
    cautions: Sequence[tuple[str, str]] = field(default_factory=tuple)


def write_page(folder: Path, outcome: Outcome, survey: DataReport, description: Mapping[str, Any]) -> None:
    """Write ``report.html``, and the plots and pictures it shows, into ``plots/``.

    Args:
        folder: The run.
        outcome: What the study found.
        survey: The photos it was found on.
        description: What the run's ``config.json`` holds.
    """
    (folder / "plots").mkdir()
    drawings: dict[str, Markup | str] = {}
    for part in (part for section in outcome.sections for part in section.parts):
        if isinstance(part, Plot):
            svg = plots.to_svg(part.figure, part.name, part.words)
            plots.write_svg(folder / "plots" / f"{part.name}.svg", svg)
            _write_png(folder / "plots" / f"{part.name}.png", part.figure)
            drawings[part.name] = Markup(svg)
        elif isinstance(part, Picture):
            Image.fromarray(part.pixels).save(folder / "plots" / f"{part.name}.png", optimize=True)
            drawings[part.name] = data_address(part.pixels)
    page = (
        environment()
        .get_template("study.html")
        .render(
            outcome=outcome,
            drawings=drawings,
            survey=survey,
            split=survey.split,
            split_sentence=SPLIT_SENTENCES[survey.split.kind],
            description=description,
            command=shlex.join(["handshape", *description["argv"]]) if description["argv"] else "",
            version=version("handshape"),
        )
    )
    (folder / "report.html").write_text(page, encoding="utf-8")


def _write_png(path: Path, figure: Figure) -> None:
    with matplotlib.rc_context(plots.STYLE):
        figure.savefig(path, dpi=160, facecolor="white", metadata={"Software": None})
