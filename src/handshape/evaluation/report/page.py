"""The report: one offline page with the accuracy of the models and its explanation."""

import re
import shlex
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from handshape.config.models import MODELS
from handshape.data.checks.finding import listed
from handshape.data.data_report import DataReport
from handshape.evaluation.evaluation import FitEvaluation
from handshape.evaluation.experiment import Experiment
from handshape.evaluation.metrics import confusions_of
from handshape.evaluation.report import plots
from handshape.evaluation.report.cautions import find_cautions
from handshape.evaluation.report.headline import find_headline
from handshape.evaluation.report.next_steps import SUSPECT_LABELS, NextStep
from handshape.evaluation.report.sections import (
    Mistake,
    draw_plots,
    draw_shortcuts,
    find_mistakes,
    find_near_copies,
    find_suspects,
    metrics_by_model,
    split_table,
    weakest_labels,
)


@cache
def environment() -> Environment:
    """Return the Jinja environment of all pages; user text is escaped."""
    found = Environment(
        loader=PackageLoader("handshape.evaluation.report"),
        autoescape=lambda name: name is not None and name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters.update(percent=_percent, seconds=_seconds, options=_options)
    return found


def write_page(
    folder: Path, template: str, description: Mapping[str, Any], drawings: Mapping[str, str], **values: Any
) -> None:
    """Write ``report.html``, and its plots as files of their own.

    Args:
        folder: The run.
        template: Of the page.
        description: Content of the run's ``config.json``.
        drawings: SVG elements by the names of their files.
        values: What else the template shows.
    """
    for name, svg in drawings.items():
        plots.write_svg(folder / "plots" / f"{name}.svg", svg)
    page = (
        environment()
        .get_template(template)
        .render(
            values,
            description=description,
            drawings={name: Markup(svg) for name, svg in drawings.items()},
            command=shlex.join(["handshape", *description["argv"]]) if description["argv"] else "",
            version=version("handshape"),
        )
    )
    (folder / "report.html").write_text(page, encoding="utf-8")


def write_report(
    folder: Path, experiment: Experiment, description: Mapping[str, Any], steps: Sequence[NextStep] = ()
) -> None:
    """Write ``report.html`` and its plots.

    Args:
        folder: The run.
        experiment: The models and their metrics.
        description: Content of the run's ``config.json``.
        steps: What to do next.
    """
    data_report, headline = experiment.data_report, find_headline(experiment)
    figures = metrics_by_model(experiment)
    write_page(
        folder,
        "report.html",
        description,
        draw_plots(experiment),
        experiment=experiment,
        headline=headline,
        cautions=find_cautions(experiment, headline),
        steps=steps,
        counts=data_report.counts(),
        suspects=find_suspects(data_report.indexed, experiment.suspects),
        suspect_labels=SUSPECT_LABELS,
        shortcut_pictures=draw_shortcuts(data_report.indexed, experiment.shortcuts),
        results=experiment.results,
        explained={r.fitted.name: MODELS[r.fitted.config.model].explanation for r in experiment.results},
        worse=_worse_calibrated(experiment),
        best=experiment.best,
        figures=figures,
        confusions={name: confusions_of(metrics) for name, metrics in figures.items()},
        order={name: weakest_labels(metrics) for name, metrics in figures.items()},
        split=data_report.split,
        split_rows=split_table(data_report),
        near_copies=find_near_copies(data_report.indexed, data_report.leaks),
        split_sentence=data_report.claim.sentence,
        mistakes={r.fitted.name: _mistakes(data_report, r) for r in experiment.results},
    )


def _mistakes(data_report: DataReport, result: FitEvaluation) -> list[Mistake]:
    network, preprocessing = result.fitted.network, result.fitted.config.preprocessing
    indexed = data_report.indexed
    burst_of = {
        sample.name: burst for sample, burst in zip(indexed.dataset.samples, data_report.bursts, strict=True)
    }
    bursts = np.array([burst_of[sample.name] for sample in result.tested.samples])
    return find_mistakes(indexed, network, preprocessing, result.tested, result.probabilities, bursts)


# An option in a sentence, with its value.
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*(?: (?:[A-Z]{2,}|source|signers)\b)?")


def _options(text: str) -> Markup:
    """Return text with command-line options as code, which does not break."""
    return Markup(_OPTION.sub(r'<code class="option">\g<0></code>', str(escape(text))))


def _worse_calibrated(experiment: Experiment) -> str:
    """Return the models whose test photos are calibrated worse with the temperature, as a list in prose."""
    worse = []
    for result in experiment.results:
        # As the table shows them: less is no difference to a reader.
        before, after = (round(one.ece, 3) for one in (result.calibration.before, result.calibration.after))
        if after > before:
            worse.append(result.fitted.name)
    return listed(tuple(worse)) if worse else ""


def _percent(share: float | None) -> str:
    return "none" if share is None else f"{100 * share:.1f} %"


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if value < 120 else f"{value / 60:.0f} min"
