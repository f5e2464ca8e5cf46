"""Train one or several models on one split and write a run."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from handshape.bundle import BundleConfig, known_photos
from handshape.cache.location import open_cache
from handshape.cluster import join_cluster
from handshape.commands.shared import check_split, index_photos, list_checked, print_findings, report_data
from handshape.commands.unfinished import unfinished_folder
from handshape.config.models import MODELS, ModelName
from handshape.config.train import CompareConfig, TrainConfig
from handshape.data.data_report import DataReport
from handshape.data.dataset import Dataset
from handshape.evaluation.evaluation import write_predictions
from handshape.evaluation.experiment import Experiment, plan_folds, run_experiment
from handshape.evaluation.report.headline import find_headline
from handshape.evaluation.report.model_card import model_card
from handshape.evaluation.report.next_steps import SUSPECT_LABELS, NextStep, next_steps
from handshape.evaluation.report.page import write_report
from handshape.evaluation.shortcuts import check_shortcuts, held_out_groups
from handshape.evaluation.suspect_labels import describe_photos, find_suspect_labels, write_suspect_labels
from handshape.features.hand_landmarks import HandCache
from handshape.models.backbones.registry import load_backbone
from handshape.models.device import choose_device
from handshape.models.hand.hand_finder import LANDMARK_WIDTH, HandFinder
from handshape.models.heads import Pool
from handshape.models.stages import image_graph
from handshape.network_bundle import recogniser_of
from handshape.progress import say
from handshape.run import BUNDLE, Claim, claim, default_out, describe, write_json
from handshape.training.fit import IMAGE_SIZE, Fitter
from handshape.training.history import write_history
from handshape.training.loop import Trainer, train_loop
from handshape.training.own_parts import OwnParts
from handshape.training.trackers import make_tracker


@dataclass(frozen=True)
class TrainingRun:
    """A finished run of `train` or `compare`.

    Args:
        out: Its folder.
        experiment: The models and their metrics.
        metrics: The content of ``metrics.json``.
    """

    out: Path
    experiment: Experiment
    metrics: dict[str, Any]


def train(config: TrainConfig) -> dict[str, Any]:
    """Train one model, write the run and return the content of ``metrics.json``."""
    return train_run(config).metrics


def train_run(config: TrainConfig, given: Dataset | None = None, own: OwnParts | None = None) -> TrainingRun:
    """Train one model as `train` does, with photos and parts that a program may pass, and return the run."""
    if config.engine == "local":
        return run_training(config, (config.model,), "train", given=given, own=own)
    # Workers have other working folders.
    cache = open_cache(config.cache).absolute()
    absolute = replace(config, data=config.data.absolute(), cache=cache)
    with join_cluster(config.address):
        from handshape.features.distributed import device_of_cluster  # Ray is an extra
        from handshape.training.ray import Cluster

        cluster = Cluster(cache / "tuning", device_of_cluster(config.device))
        return run_training(absolute, (config.model,), "train", tuner=cluster, given=given)


def run_training(
    config: TrainConfig | CompareConfig,
    names: Sequence[ModelName],
    command: str,
    *,
    tuner: Trainer = train_loop,
    given: Dataset | None = None,
    own: OwnParts | None = None,
) -> TrainingRun:
    """Train models on one split, write the run and save one of them as the recogniser.

    Args:
        config: The settings.
        names: Models to train.
        command: Name of the command, for the run.
        tuner: Runs the fine-tuning; by default this process.
        given: The photos, where a program passes them.
        own: Parts that a program brings.
    """
    out = config.out or default_out(command)
    parts = own or OwnParts()
    with claim(out, force=config.force) as claimed:
        tracker = make_tracker(config.track, out, asdict(config))
        parts = replace(parts, callbacks=(*parts.callbacks, *tracker))
        run = _train(config, names, command, claimed, tuner, given, parts)
    for callback in parts.callbacks:
        callback.on_report(out, run.metrics)
    say(f"Report: {out / 'report.html'}")
    return run


def _train(
    config: TrainConfig | CompareConfig,
    names: Sequence[ModelName],
    command: str,
    claimed: Claim,
    tuner: Trainer,
    given: Dataset | None,
    own: OwnParts,
) -> TrainingRun:
    device = choose_device(config.device)
    listed = list_checked(config, config.data, given)
    _check_folds(config, listed)
    own.check(names, len(listed.labels))
    backbone = own.backbone
    if backbone is not None:  # what cannot be exported is refused before anything long begins
        pool = Pool(config.places, *backbone.feature_shape[1:])
        image_graph(torch.nn.Sequential(backbone, pool), backbone.preprocessing, open_cache(config.cache))
    if backbone is None and any(MODELS[name].image_features for name in names):
        backbone = load_backbone(config.backbone, config.weights, seed=config.seed)
    size = backbone.preprocessing.size if backbone else IMAGE_SIZE
    finder = HandFinder() if any(MODELS[name].hand_landmarks for name in names) else None
    cache, indexed = index_photos(config, size=size, listed=listed, finder=finder)
    check_split(config, indexed.dataset)  # again, without the photos that cannot be read
    _check_folds(config, indexed.dataset)
    fitter = Fitter(indexed, cache, device, config, backbone, tuner=tuner, own=own)
    data_report = report_data(config, indexed, fitter.features())
    data_report, closer = _look_closer(
        config, fitter, data_report, HandCache(cache, finder) if finder else None
    )
    print_findings(data_report)
    description = describe(command, config, data_report.digest)
    description["settings"] |= own.settings()
    with unfinished_folder(cache, "training", description) as unfinished:
        fitter.checkpoints = unfinished
        experiment = run_experiment(
            data_report,
            fitter,
            names,
            folds=config.folds,
            fractions=(config.valid_fraction, config.test_fraction),
            seed=config.seed,
        )
        experiment = replace(experiment, **closer)
        again = "train" if isinstance(config, TrainConfig) else "compare"
        steps = next_steps(experiment, config, again, claimed.out)
        answer = find_headline(experiment).sentence
        metrics = {"answer": answer, **experiment.to_dict(), "next": [one.to_dict() for one in steps]}
        with claimed.new_run(force=config.force) as folder:
            _write(folder, experiment, metrics, description, cache, steps)
            if experiment.suspects is not None and experiment.suspects.photos:
                write_suspect_labels(folder / SUSPECT_LABELS, experiment.suspects, config.exclude)
    return TrainingRun(claimed.out, experiment, metrics)


def _look_closer(
    config: TrainConfig | CompareConfig, fitter: Fitter, data_report: DataReport, hands: HandCache | None
) -> tuple[DataReport, dict[str, Any]]:
    """Look for wrong labels and for shortcuts; return the report with what was found, and the figures."""
    indexed, landmarks, shortcuts = data_report.indexed, None, None
    if hands is not None:
        rows = hands.rows(indexed.digests, [one.path for one in indexed.dataset.samples]).rows
        landmarks = rows[:, :LANDMARK_WIDTH]
        groups, kind = held_out_groups(data_report, config.folds)
        shortcuts = check_shortcuts(indexed, hands.points(indexed.digests), groups, kind, seed=config.seed)
    described = describe_photos(fitter.features(), landmarks)
    suspects = find_suspect_labels(described, indexed.dataset, data_report.bursts, seed=config.seed)
    found = shortcuts.finding() if shortcuts else None
    return data_report.with_finding(found), {"suspects": suspects, "shortcuts": shortcuts}


def _check_folds(config: TrainConfig | CompareConfig, dataset: Dataset) -> None:
    ungrouped = np.arange(len(dataset), dtype=np.int64)
    plan_folds(config.folds, dataset, ungrouped, valid_fraction=config.valid_fraction, seed=config.seed)


def _write(
    folder: Path,
    experiment: Experiment,
    metrics: dict[str, Any],
    description: dict[str, Any],
    cache: Path,
    steps: Sequence[NextStep],
) -> None:
    results, split, best = experiment.results, experiment.data_report.split, experiment.best
    write_json(folder / "config.json", description)
    write_json(folder / "metrics.json", metrics)
    histories = {str(one.fitted.name): [vars(row) for row in one.fitted.history] for one in results}
    write_history(folder / "history.csv", "model", histories)
    write_predictions(folder / "predictions.csv", results)
    write_report(folder, experiment, description, steps)
    trained_on = {
        "data_digest": description["data_digest"],
        "split": split.kind,
        "signers": sorted(
            {one.signer for one in split.dataset.samples if one.signer and one.split != "test"}
        ),
        **split.counts(),
    }
    folded = experiment.folds.get(best.fitted.name)
    figures = {
        **metrics["models"][best.fitted.name],
        "claim": experiment.data_report.claim.to_dict(),
    }
    config = BundleConfig(
        split.dataset.labels,
        best.fitted.config,
        best.calibration.temperature,
        best.rejection.threshold,
        trained_on=trained_on,
        figures=figures if folded is None else {**figures, "left_out": folded.without_names()},
    )
    card = model_card(config.labels, config.network, config.threshold, config.trained_on, config.figures)
    indexed = experiment.data_report.indexed
    rows = zip(indexed.digests, indexed.stats, split.dataset.samples, strict=True)
    known = known_photos((digest, stats.phash) for digest, stats, one in rows if one.split != "test")
    recogniser_of(best.fitted.network, config, cache).save(folder / BUNDLE, card, known)
