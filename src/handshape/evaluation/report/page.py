"""The report: one offline page that says how good the models are, and shows why."""

import shlex
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from handshape.data.images.index import Scan
from handshape.evaluation.evaluation import FitEvaluation
from handshape.evaluation.experiment import Experiment
from handshape.evaluation.report import plots
from handshape.evaluation.report.cautions import SPLIT_WORDS, find_cautions
from handshape.evaluation.report.headline import find_answer
from handshape.evaluation.report.sections import (
    Mistake,
    draw_plots,
    figures_of,
    find_confusions,
    find_mistakes,
    find_sides,
    find_twins,
    weakest_first,
)
from handshape.evaluation.report.thumbnails import ViewMaker, data_address, pair_sheet, view_sheet


@cache
def environment() -> Environment:
    """Return the templates of handshape; what a user wrote is escaped in them."""
    found = Environment(
        loader=PackageLoader("handshape.evaluation.report"),
        autoescape=lambda name: name is not None and name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters.update(percent=_percent, seconds=_seconds)
    return found


def split_words(kind: str) -> str:
    """Return what a kind of split means for the figures measured on it, in a sentence or two."""
    return SPLIT_WORDS[kind]


def write_report(
    folder: Path, experiment: Experiment, description: dict[str, Any], views: ViewMaker | None = None
) -> None:
    """Write ``report.html`` and the plots it shows.

    Args:
        folder: The run.
        experiment: The models and their figures.
        description: What the run's ``config.json`` holds.
        views: How views of training photos were made, if any were.
    """
    drawings = draw_plots(experiment)
    for name, svg in drawings.items():
        plots.write_svg(folder / "plots" / f"{name}.svg", svg)
    survey = experiment.survey
    if survey.leaks.worst:
        pair_sheet(survey.scan, survey.leaks, folder / "plots" / "twins.png")
    sheet = ""
    if views is not None:
        train = survey.split.dataset.split_indices()["train"]
        pixels = view_sheet(survey.scan, train, views)
        Image.fromarray(pixels).save(folder / "plots" / "views.png", optimize=True)
        sheet = data_address(pixels)
    answer, figures = find_answer(experiment), figures_of(experiment)
    page = (
        environment()
        .get_template("report.html")
        .render(
            experiment=experiment,
            answer=answer,
            cautions=find_cautions(experiment, answer),
            results=experiment.results,
            best=experiment.best,
            figures=figures,
            confusions={name: find_confusions(metrics) for name, metrics in figures.items()},
            order={name: weakest_first(metrics) for name, metrics in figures.items()},
            split=survey.split,
            sides=find_sides(survey),
            sheet=sheet,
            twins=find_twins(survey.scan, survey.leaks),
            split_words=split_words(survey.split.kind),
            drawings={name: Markup(svg) for name, svg in drawings.items()},
            mistakes={r.fitted.name: _mistakes(survey.scan, r) for r in experiment.results},
            description=description,
            command=shlex.join(["handshape", *description["argv"]]) if description["argv"] else "",
            version=version("handshape"),
        )
    )
    (folder / "report.html").write_text(page, encoding="utf-8")


def _mistakes(scan: Scan, result: FitEvaluation) -> list[Mistake]:
    fitted = result.fitted
    return find_mistakes(
        scan, fitted.network, fitted.config.preprocessing, result.tested, result.probabilities
    )


def _percent(share: float | None) -> str:
    return "none" if share is None else f"{100 * share:.1f} %"


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if value < 120 else f"{value / 60:.0f} min"
