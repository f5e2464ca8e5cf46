"""The report: one offline page that says how good the models are, and shows why."""

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from handshape.data.scan import Scan
from handshape.data.split import Split
from handshape.evaluation import plots
from handshape.evaluation.experiment import Experiment
from handshape.evaluation.judge import Judged
from handshape.evaluation.pictures import pair_sheet, thumbnail

_SPLIT_WORDS = {
    "signer": "Split by signer: nobody in test was seen in training.",
    "random": (
        "Random split: photos of the same person and room are on both sides. "
        "This figure says nothing about people or rooms that are not in the folder."
    ),
    "given": "The split was given with the data; whether it keeps people apart is not known here.",
}


@dataclass(frozen=True)
class Mistake:
    """A photo read wrong, as the report shows it."""

    picture: str
    name: str
    label: str
    predicted: str
    probability: float


def environment() -> Environment:
    """Return the templates of handshape; what a user wrote is escaped in them."""
    return Environment(
        loader=PackageLoader("handshape.evaluation"),
        autoescape=lambda name: name is not None and name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def split_words(kind: str) -> str:
    """Return what a kind of split means for the figures measured on it, in a sentence or two."""
    return _SPLIT_WORDS[kind]


def write_report(folder: Path, experiment: Experiment, description: dict[str, Any]) -> None:
    """Write ``report.html`` and the plots it shows.

    Args:
        folder: The run.
        experiment: The models and their figures.
        description: What the run's ``config.json`` holds.
    """
    results, split = experiment.results, experiment.survey.split
    labels = split.dataset.labels
    drawings = {"learning-curves": plots.learning_curves({r.fitted.name: r.fitted.history for r in results})}
    for result in results:
        matrix = np.array(result.metrics.confusion)
        drawings[f"confusion-{result.fitted.name}"] = plots.confusion(matrix, labels)
    for name, svg in drawings.items():
        plots.write_svg(folder / "plots" / f"{name}.svg", svg)
    if experiment.survey.leaks.worst:
        pair_sheet(experiment.survey.scan, experiment.survey.leaks, folder / "plots" / "twins.png")
    page = (
        environment()
        .get_template("report.html")
        .render(
            experiment=experiment,
            results=results,
            best=experiment.best,
            split=split,
            split_words=split_words(split.kind),
            drawings={name: Markup(svg) for name, svg in drawings.items()},
            mistakes={r.fitted.name: _mistakes(experiment.survey.scan, split, r) for r in results},
            description=description,
            version=version("handshape"),
        )
    )
    (folder / "report.html").write_text(page, encoding="utf-8")


def _mistakes(scan: Scan, split: Split, result: Judged) -> list[Mistake]:
    place = {sample.name: index for index, sample in enumerate(split.dataset.samples)}
    labels, found = split.dataset.labels, []
    for index in result.worst():
        sample, best = result.tested.samples[index], int(result.predicted[index])
        picture = thumbnail(scan.images.take([place[sample.name]])[0])
        probability = float(result.probabilities[index, best])
        found.append(Mistake(picture, sample.name, sample.label, labels[best], probability))
    return found
