"""Evaluate a saved recogniser on new photos."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.bundle import KNOWN_PHOTOS, read_file
from handshape.commands.shared import index_photos, list_photos
from handshape.config.use import EvaluateConfig
from handshape.data.checks.bursts import find_bursts
from handshape.data.checks.finding import count_of, listed
from handshape.data.checks.known_photos import read_known_photos
from handshape.data.checks.near_duplicates import find_near_duplicates
from handshape.data.dataset import Dataset
from handshape.data.images.index import ImageIndex
from handshape.data.images.prepared import content_digest
from handshape.data.splits.claim import AccuracyClaim
from handshape.errors import DataError
from handshape.evaluation.evaluation import Evaluation, evaluate_predictions, write_predictions
from handshape.features.hand_landmarks import HandCache
from handshape.predict_indexed import predict_indexed
from handshape.progress import say
from handshape.recogniser import Recogniser, load
from handshape.run import check_out, describe, new_run, write_json


def evaluate(config: EvaluateConfig) -> dict[str, Any]:
    """Evaluate a recogniser on a data set, and write a run if ``out`` is given.

    Returns the content of ``metrics.json``. Labels are matched by name; other labels are skipped.
    """
    return evaluate_photos(config)[0]


def evaluate_photos(
    config: EvaluateConfig, given: Dataset | None = None, recogniser: Recogniser | None = None
) -> tuple[dict[str, Any], Evaluation]:
    """Evaluate as `evaluate` does, with photos and a recogniser that a program may pass.

    Returns the content of ``metrics.json`` and the evaluation.
    """
    if config.out is not None:
        check_out(config.out, force=config.force)
    listed = list_photos(config, config.data, given)  # before anything is fetched
    recogniser = recogniser or load(config.bundle)
    size, finder = recogniser.config.network.preprocessing.size, recogniser.hand_finder
    cache, indexed = index_photos(config, size=size, listed=listed, finder=finder)
    chosen, unknown = _of_known_labels(indexed.dataset, recogniser)
    chosen = _of_test_split(indexed.dataset, chosen)
    trained_on = _trained_on(recogniser, indexed, chosen)
    chosen = _not_trained_on(chosen, trained_on, include=config.include_known)
    # The samples get the recogniser's classes.
    tested = replace(indexed.dataset.take(chosen.tolist()), labels=recogniser.labels)
    photos = [sample.path for sample in indexed.dataset.samples]
    hands = HandCache(cache, finder).rows(indexed.digests, photos) if finder else None
    probabilities = predict_indexed(recogniser, indexed, chosen, hands)
    mirrored = predict_indexed(recogniser, indexed, chosen, hands, mirrored=True)
    stats, digests = [indexed.stats[i] for i in chosen], [indexed.digests[i] for i in chosen]
    bursts = find_bursts(find_near_duplicates(stats, tested.classes), digests, tested.classes)
    trained = {str(signer) for signer in recogniser.config.trained_on.get("signers", ())}
    known_signers = sorted(trained & set(tested.signers))
    all_named = bool(trained) and all(sample.signer is not None for sample in tested.samples)
    claim = AccuracyClaim(
        len(tested),
        int(trained_on.sum()) if config.include_known and trained_on is not None else 0,
        len(tested.signers),
        False if known_signers else True if all_named else None,
        len(tested.sources),
    )
    found = evaluate_predictions(
        recogniser.config.network.model,
        tested,
        probabilities,
        recogniser.config.threshold,
        bursts=bursts,
        mirrored_accuracy=float((mirrored.argmax(axis=1) == tested.classes).mean()),
        claim=claim,
    )
    metrics = {
        **_metrics(found, unknown, known_signers),
        "known_photos": None if trained_on is None else int(trained_on.sum()),
        "claim": claim.to_dict(),
    }
    if config.out is not None:
        from handshape.evaluation.report.evaluation_page import write_evaluation
        from handshape.evaluation.report.sections import find_mistakes  # it explains them in torch
        from handshape.models.backbones.registry import OWN_BACKBONE
        from handshape.network_bundle import network_of

        backbone = recogniser.config.network.backbone
        explained = backbone is None or not backbone.startswith(OWN_BACKBONE)
        if not explained:
            say("The report shows no mistakes: only the program that brought the backbone can explain them.")
        with new_run(config.out, force=config.force) as folder:
            description = describe("evaluate", config, content_digest("\n".join(indexed.digests).encode()))
            write_json(folder / "config.json", description)
            write_json(folder / "metrics.json", metrics)
            write_predictions(folder / "predictions.csv", [found])
            mistakes = []
            if explained:
                network, preprocessing = network_of(recogniser), recogniser.config.network.preprocessing
                mistakes = find_mistakes(indexed, network, preprocessing, tested, probabilities, bursts)
            write_evaluation(
                folder,
                found,
                mistakes,
                description,
                unknown_labels=unknown,
                signers_trained_on=known_signers,
            )
        say(f"Report: {config.out / 'report.html'}")
    return metrics, found


def _of_known_labels(dataset: Dataset, recogniser: Recogniser) -> tuple[NDArray[np.int64], list[str]]:
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


def _of_test_split(dataset: Dataset, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the photos of the given test split, if there is one."""
    test = np.array([i for i in chosen if dataset.samples[i].split == "test"], dtype=np.int64)
    if not len(test) or len(test) == len(chosen):
        return chosen
    say(
        f"Measured on the test split of the data: {count_of(len(test), 'photo', 'photos')}. The other "
        f"{len(chosen) - len(test):,} are in its other splits."
    )
    return test


def _trained_on(
    recogniser: Recogniser, indexed: ImageIndex, chosen: NDArray[np.int64]
) -> NDArray[np.bool_] | None:
    """Return which of the chosen photos are training photos or near-copies; None if that is not known."""
    # What is pushed to a hub leaves it out.
    place = recogniser.folder
    if place is None or KNOWN_PHOTOS not in recogniser.config.digests or not (place / KNOWN_PHOTOS).exists():
        say("This recogniser has no list of its training photos, so they cannot be left out.")
        return None
    known = read_known_photos(read_file(place, recogniser.config, KNOWN_PHOTOS))
    return known.find([indexed.digests[i] for i in chosen], [indexed.stats[i].phash for i in chosen])


def _not_trained_on(
    chosen: NDArray[np.int64], trained_on: NDArray[np.bool_] | None, *, include: bool
) -> NDArray[np.int64]:
    if trained_on is None or not trained_on.any():
        return chosen
    count = int(trained_on.sum())
    photos = count_of(count, "photo is a training photo", "photos are training photos")
    if include:
        say(f"{photos} of this recogniser or near-copies, and measured because of --include-known.")
        return chosen
    if trained_on.all():
        raise DataError(
            f"all {count_of(count, 'photo', 'photos')} are training photos of this recogniser or near-copies",
            "photos that it was not trained on",
            "give others, or measure these with --include-known",
        )
    say(f"Left out: {photos} of this recogniser or near-copies (--include-known measures them).")
    return chosen[~trained_on]


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
