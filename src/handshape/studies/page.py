"""The page of a study: sections of sentences, tables, plots and photos."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure as Drawing
from numpy.typing import NDArray
from PIL import Image

from handshape.data.data_report import DataReport
from handshape.evaluation.json_result import JsonResult
from handshape.evaluation.report import plots
from handshape.evaluation.report.page import write_page
from handshape.evaluation.report.thumbnails import data_address


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
        content: A plot from `handshape.evaluation.report.plots.new_plot`, or photos from `photo_grid`.
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


def texts(study: str, **values: object) -> dict[str, list[str]]:
    """Return the paragraphs of a study's page by section, from ``texts.toml``."""
    found = tomllib.loads(files(__package__).joinpath("texts.toml").read_text(encoding="utf-8"))[study]
    return {
        name: [" ".join(paragraph.split()).format(**values) for paragraph in section]
        for name, section in found.items()
    }


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
    drawings, sheets = dict[str, str](), dict[str, str]()
    for part in (part for section in outcome.sections for part in section.parts):
        if not isinstance(part, PageImage):
            continue
        png = folder / "plots" / f"{part.name}.png"
        if isinstance(part.content, Drawing):
            drawings[part.name] = plots.to_svg(part.content, part.name, part.words)
            with matplotlib.rc_context(plots.STYLE):
                part.content.savefig(png, dpi=160, facecolor="white", metadata={"Software": None})
        else:
            Image.fromarray(part.content).save(png, optimize=True)
            sheets[part.name] = data_address(part.content)
    split_sentence = report.claim.sentence
    write_page(
        folder, "study.html", description, drawings, sheets=sheets,
        outcome=outcome, data_report=report, split=report.split, split_sentence=split_sentence,
    )  # fmt: skip
