"""Train one or several models on one split and write a run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from handshape.commands.material import Material, choose_device, scan_material, split_material
from handshape.config.train import CompareConfig, ModelName, TrainConfig
from handshape.data.sample import SPLITS
from handshape.evaluation.card import model_card
from handshape.evaluation.folds import FoldFigures, measure_folds, signer_folds
from handshape.evaluation.judge import Judged, judge, write_predictions
from handshape.evaluation.report import write_report
from handshape.models.backbone import load_backbone
from handshape.progress import say
from handshape.recogniser import BundleConfig, Recogniser
from handshape.run import check_out, default_out, describe, new_run, write_json
from handshape.training.fit import Fitter, Sides
from handshape.training.history import write_history

# Without a backbone to please, images are as large as the lesson's.
_SIZE = 224


def train(config: TrainConfig) -> dict[str, Any]:
    """Train one model and write its run.

    Args:
        config: The settings.

    Returns:
        What ``metrics.json`` holds.

    Raises:
        HandshapeError: Something a user can mend; see the message.
    """
    return train_models(config, (config.model,), "train")


def train_models(
    config: TrainConfig | CompareConfig, names: Sequence[ModelName], command: str
) -> dict[str, Any]:
    """Train models on one split, write the run and save the recogniser that reads valid best.

    Args:
        config: The settings.
        names: Models to train.
        command: Name of the command, for the run.

    Returns:
        What ``metrics.json`` holds.

    Raises:
        HandshapeError: Something a user can mend; see the message.
    """
    out = config.out or default_out(command)
    check_out(out, force=config.force)
    device = choose_device(config.device)
    backbone = load_backbone(config.backbone, config.weights, seed=config.seed) if "frozen" in names else None
    size = backbone.preprocessing.size if backbone else _SIZE
    store, scan = scan_material(config, size=size)
    material = split_material(config, store, scan)
    sides = _sides(material)
    fitter = Fitter(scan, store, device, backbone, config, config, seed=config.seed, size=size)
    valid, tested = material.split.dataset.on("valid"), material.split.dataset.on("test")
    folds = signer_folds(material.split.dataset) if config.folds == "signers" else {}
    results = [judge(fitter.fit(name, sides), valid, tested) for name in names]
    folded = {name: _fold(fitter, name, material, folds) for name in names} if folds else {}
    metrics: dict[str, Any] = {
        "split": {"kind": material.split.kind, **material.split.counts()},
        "models": {result.fitted.name: result.to_dict() for result in results},
    }
    if folded:
        metrics["folds"] = {name: figures.to_dict() for name, figures in folded.items()}
    with new_run(out, force=config.force) as folder:
        _write(folder, describe(command, config, material.digest), material, results, metrics)
    say(f"Report: {out / 'report.html'}")
    return metrics


def _fold(fitter: Fitter, name: ModelName, material: Material, folds: dict[str, Sides]) -> FoldFigures:
    dataset = material.split.dataset
    results = []
    for sides in folds.values():
        valid, tested = (dataset.take(sides[side]) for side in ("valid", "test"))
        results.append(judge(fitter.fit(name, sides), valid, tested))
    return measure_folds(results)


def _sides(material: Material) -> Sides:
    where = np.array([sample.split for sample in material.split.dataset.samples])
    return {side: np.flatnonzero(where == side) for side in SPLITS}


def _write(
    folder: Path,
    description: dict[str, Any],
    material: Material,
    results: Sequence[Judged],
    metrics: dict[str, Any],
) -> None:
    labels = material.split.dataset.labels
    write_json(folder / "config.json", description)
    write_json(folder / "metrics.json", metrics)
    write_history(folder / "history.csv", {result.fitted.name: result.fitted.history for result in results})
    write_predictions(folder / "predictions.csv", results)
    write_report(folder, material.scan, material.split, results, description)
    best = max(results, key=lambda result: result.fitted.valid_accuracy)
    training = material.split.dataset.on("train")
    trained_on = {
        "data_digest": material.digest,
        "split": material.split.kind,
        "signers": list(training.signers),
        **material.split.counts(),
    }
    config = BundleConfig(
        labels,
        best.fitted.config,
        best.calibration.temperature,
        best.rejection.threshold,
        trained_on=trained_on,
        figures=metrics["models"][best.fitted.name],
    )
    card = model_card(best, labels, material.split.kind, trained_on)
    Recogniser(best.fitted.network, config).save(folder / "recogniser", card)
