"""The page of an evaluation: a saved recogniser on new photos."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from handshape.data.checks.finding import count_of, listed
from handshape.evaluation.evaluation import Evaluation
from handshape.evaluation.metrics import confusions_of
from handshape.evaluation.report import metric_plots, plots
from handshape.evaluation.report.cautions import MUCH_LOWER, Caution, is_synthetic, mirror_sentence
from handshape.evaluation.report.headline import correct_of_100, filled_of_100
from handshape.evaluation.report.page import write_page
from handshape.evaluation.report.sections import Mistake, weakest_labels


def write_evaluation(
    folder: Path,
    found: Evaluation,
    mistakes: Sequence[Mistake],
    description: Mapping[str, Any],
    *,
    unknown_labels: Sequence[str],
    signers_trained_on: Sequence[str],
) -> None:
    """Write ``report.html`` and its plots.

    Args:
        folder: The run.
        found: The evaluation.
        mistakes: The worst mistakes.
        description: Content of the run's ``config.json``.
        unknown_labels: Labels in the data that the recogniser was not trained on.
        signers_trained_on: Signers in the data who were in its training photos.
    """
    metrics = found.metrics
    matrix, labels = np.array(metrics.confusion), tuple(metrics.labels)
    drawings = {
        "confusion": plots.confusion("evaluation", matrix, labels),
        "coverage": metric_plots.coverage("evaluation", found.rejection, None),
    }
    claim = correct_of_100(metrics.accuracy, metrics.n)
    write_page(
        folder,
        "evaluate.html",
        description,
        drawings,
        claim=claim[0].upper() + claim[1:],
        filled=filled_of_100(metrics.accuracy),
        figures=metrics,
        interval=found.interval,
        reliability=found.reliability,
        rejection=found.rejection,
        mirrored=found.mirrored_accuracy,
        cautions=list(_cautions(found, unknown_labels, signers_trained_on)),
        mistakes=mistakes,
        confusions=confusions_of(metrics),
        order=weakest_labels(metrics),
    )


def _cautions(
    found: Evaluation, unknown_labels: Sequence[str], signers_trained_on: Sequence[str]
) -> Iterator[Caution]:
    if is_synthetic(found.tested):
        yield Caution(
            "Drawn hands", "These hands were drawn by a program. The results tell you nothing about people."
        )
    if signers_trained_on:
        names = listed(tuple(signers_trained_on))
        yield Caution(
            "Known signers",
            f"{names} {'is' if len(signers_trained_on) == 1 else 'are'} also in the training photos. For new "
            "people the accuracy is probably lower.",
        )
    elif not found.metrics.signers:
        yield Caution(
            "Signers not known",
            "handshape does not know whether the people in these photos are in the training photos too. If "
            "they are, the accuracy for new people is probably lower.",
        )
    mirrored = found.mirrored_accuracy
    if mirrored is not None and found.accuracy - mirrored > MUCH_LOWER:
        yield Caution("Left hands", mirror_sentence(found.accuracy, mirrored))
    if unknown_labels:
        words = listed(tuple(unknown_labels))
        which = "that label" if len(unknown_labels) == 1 else "those labels"
        yield Caution("Skipped", f"Photos labelled {words}: the recogniser was not trained on {which}.")
    if found.metrics.missing_labels:
        untested = listed(found.metrics.missing_labels)
        yield Caution("Untested labels", f"No photo here shows {untested}, so nothing is known there.")
    if found.tested.unreadable:
        files = count_of(len(found.tested.unreadable), "file", "files")
        yield Caution(
            "Unreadable", f"{files} could not be read, starting with {found.tested.unreadable[0].name}."
        )
