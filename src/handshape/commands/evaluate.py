"""Evaluate a saved recogniser on new photos."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.commands.shared import index_photos, predict_photos
from handshape.config.use import EvaluateConfig
from handshape.data.checks.bursts import find_bursts
from handshape.data.checks.finding import count_of, listed
from handshape.data.checks.near_duplicates import find_near_duplicates
from handshape.data.dataset import Dataset
from handshape.data.images.prepared import content_digest
from handshape.errors import DataError
from handshape.evaluation.evaluation import Evaluation, evaluate_predictions
from handshape.evaluation.report.evaluation_page import write_evaluation
from handshape.evaluation.report.sections import find_mistakes
from handshape.progress import say
from handshape.recogniser import Recogniser, load
from handshape.run import check_out, describe, new_run, safe_cell, write_json


def evaluate(config: EvaluateConfig) -> dict[str, Any]:
    """Evaluate a recogniser on a data set, and write a run if ``out`` is given.

    Returns the content of ``metrics.json``. Labels are matched by name; other labels are skipped.
    """
    if config.out is not None:
        check_out(config.out, force=config.force)
    recogniser = load(config.bundle)
    _, indexed = index_photos(config, size=recogniser.config.network.preprocessing.size)
    known, unknown = _known(indexed.dataset, recogniser)
    # The samples get the recogniser's classes.
    tested = replace(indexed.dataset.take(known.tolist()), labels=recogniser.labels)
    probabilities = predict_photos(recogniser, indexed, known)
    mirrored = predict_photos(recogniser, indexed, known, mirrored=True)
    stats, digests = [indexed.stats[i] for i in known], [indexed.digests[i] for i in known]
    bursts = find_bursts(find_near_duplicates(stats, tested.classes), digests, tested.classes)
    found = evaluate_predictions(
        tested,
        probabilities,
        recogniser.config.threshold,
        bursts=bursts,
        mirrored_accuracy=float((mirrored.argmax(axis=1) == tested.classes).mean()),
    )
    trained = {str(signer) for signer in recogniser.config.trained_on.get("signers", ())}
    known_signers = sorted(trained & set(tested.signers))
    metrics = _metrics(found, unknown, known_signers)
    if config.out is not None:
        network, preprocessing = recogniser.network, recogniser.config.network.preprocessing
        with new_run(config.out, force=config.force) as folder:
            description = describe("evaluate", config, content_digest("\n".join(indexed.digests).encode()))
            write_json(folder / "config.json", description)
            write_json(folder / "metrics.json", metrics)
            _write_predictions(folder / "predictions.csv", tested, probabilities)
            mistakes = find_mistakes(indexed, network, preprocessing, tested, probabilities)
            write_evaluation(
                folder,
                found,
                mistakes,
                description,
                unknown_labels=unknown,
                signers_trained_on=known_signers,
            )
        say(f"Report: {config.out / 'report.html'}")
    return metrics


def _known(dataset: Dataset, recogniser: Recogniser) -> tuple[NDArray[np.int64], list[str]]:
    """Return the indices of samples of the recogniser's labels, and the other labels."""
    known = np.array([sample.label in recogniser.labels for sample in dataset.samples])
    unknown = sorted({s.label for s, k in zip(dataset.samples, known, strict=True) if not k})
    if not known.any():
        raise DataError(
            f"no photo of the recogniser's labels in {str(dataset.root)!r}",
            f"labels among {', '.join(recogniser.labels)}",
            "check the names of the folders",
        )
    if unknown:
        photos = count_of(int((~known).sum()), "photo", "photos")
        words = listed(tuple(f'"{label}"' for label in unknown))
        which = "that label" if len(unknown) == 1 else "those labels"
        say(f"Skipped {photos} labelled {words}: the recogniser was not trained on {which}.")
    return np.flatnonzero(known), unknown


def _metrics(found: Evaluation, unknown: list[str], known_signers: list[str]) -> dict[str, Any]:
    """Return the content of ``metrics.json``."""
    return {
        **found.metrics.to_dict(),
        "interval": [found.interval.low, found.interval.high],
        "interval_method": found.interval.method,
        "interval_scope": found.interval.scope,
        "mirrored_accuracy": found.mirrored_accuracy,
        "calibration": found.reliability.to_dict(),
        "rejection": found.rejection.to_dict(),
        "unknown_labels": unknown,
        "signers_trained_on": known_signers,
        "unreadable": len(found.tested.unreadable),
    }


def _write_predictions(path: Path, tested: Dataset, probabilities: NDArray[np.float32]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "signer", "split", "predicted", "probability"])
        for sample, row in zip(tested.samples, probabilities, strict=True):
            best = int(row.argmax())
            known = [sample.name, sample.label, sample.signer or "", sample.split or ""]
            cells = map(safe_cell, [*known, tested.labels[best]])
            writer.writerow([*cells, f"{row[best]:.6f}"])
