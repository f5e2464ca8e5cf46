"""A recogniser measured on photos of somebody else, and the page that says what came out."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from handshape.data.checks.finding import count_of, listed
from handshape.evaluation.evaluation import Evaluation
from handshape.evaluation.report import metric_plots, plots
from handshape.evaluation.report.cautions import is_synthetic
from handshape.evaluation.report.headline import correct_of_100
from handshape.evaluation.report.page import environment
from handshape.evaluation.report.sections import Mistake, find_confusions, weakest_labels

# From this loss on mirrored photos it belongs on the first screen.
_HANDED = 0.1


def write_evaluation(
    folder: Path,
    found: Evaluation,
    mistakes: Sequence[Mistake],
    description: Mapping[str, Any],
    *,
    unknown_labels: Sequence[str],
    signers_trained_on: Sequence[str],
) -> None:
    """Write ``report.html`` and the plots it shows.

    Args:
        folder: The run.
        found: The figures.
        mistakes: The worst mistakes.
        description: What the run's ``config.json`` holds.
        unknown_labels: Labels in the data that the recogniser was not trained on.
        signers_trained_on: Signers in the data who were in its training photos.
    """
    metrics, accuracy = found.metrics, found.metrics.accuracy
    matrix, labels = np.array(metrics.confusion), tuple(metrics.labels)
    drawings = {
        "confusion": plots.confusion("evaluation", matrix, labels),
        "coverage": metric_plots.coverage("evaluation", found.rejection, None),
    }
    if metrics.signers:
        drawings["signers"] = metric_plots.group_bars("signer", "evaluation", metrics.signers)
    if metrics.sources:
        drawings["sources"] = metric_plots.group_bars("source", "evaluation", metrics.sources)
    for name, svg in drawings.items():
        plots.write_svg(folder / "plots" / f"{name}.svg", svg)
    claim = correct_of_100(accuracy, metrics.n)
    page = (
        environment()
        .get_template("evaluate.html")
        .render(
            claim=claim[0].upper() + claim[1:],
            full=min(max(round(100 * accuracy), int(accuracy > 0)), 99 + int(accuracy == 1)),
            figures=metrics,
            interval=found.interval,
            reliability=found.reliability,
            rejection=found.rejection,
            mirrored=found.mirrored_accuracy,
            cautions=list(_cautions(found, unknown_labels, signers_trained_on)),
            mistakes=mistakes,
            confusions=find_confusions(metrics),
            order=weakest_labels(metrics),
            drawings={name: Markup(svg) for name, svg in drawings.items()},
            description=description,
            command=shlex.join(["handshape", *description["argv"]]) if description["argv"] else "",
            version=version("handshape"),
        )
    )
    (folder / "report.html").write_text(page, encoding="utf-8")


def _cautions(
    found: Evaluation, unknown_labels: Sequence[str], signers_trained_on: Sequence[str]
) -> Iterator[tuple[str, str]]:
    if is_synthetic(found.tested):
        yield (
            "Drawn hands",
            "These hands were drawn by a program. The figures say nothing about people.",
        )
    if signers_trained_on:
        names = listed(tuple(signers_trained_on))
        yield (
            "Known signers",
            f"It was trained on photos of {names}, who are tested here: for people it has never seen "
            "this figure is too good.",
        )
    elif not found.metrics.signers:
        yield (
            "Signers not known",
            "Whether it was trained on the people in these photos is not known here. If it was, this figure "
            "is too good for others.",
        )
    if found.mirrored_accuracy is not None and found.accuracy - found.mirrored_accuracy > _HANDED:
        yield (
            "Left hands",
            f"Of the same photos mirrored, {100 * found.mirrored_accuracy:.0f} % are read right instead of "
            f"{100 * found.metrics.accuracy:.0f} %: signers of the other hand are read worse.",
        )
    if unknown_labels:
        yield "Left out", f"It does not know the labels {listed(tuple(unknown_labels))}."
    if found.metrics.missing_labels:
        untested = listed(found.metrics.missing_labels)
        yield "Untested labels", f"No photo here shows {untested}: nothing is said about them."
    if found.tested.unreadable:
        files = count_of(len(found.tested.unreadable), "file", "files")
        yield "Unreadable", f"{files} could not be read, the first: {found.tested.unreadable[0].name}."
