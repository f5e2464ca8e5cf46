"""Tune the backbone or leave it: what is gained and what is paid, by the number of training photos."""

import time
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.config.augment import AugmentOptions
from handshape.config.finetune import FinetuneOptions
from handshape.config.study import FinetuneConfig
from handshape.config.train import BackboneConfig
from handshape.data.dataset import SplitIndices
from handshape.evaluation.intervals.accuracy import accuracy_interval
from handshape.evaluation.intervals.paired import compare_paired
from handshape.models.backbones.registry import Backbone, load_backbone
from handshape.models.backbones.weights import UNTRAINED
from handshape.models.sign_network import BackboneClassifier
from handshape.studies.drift import measure_drift
from handshape.studies.finetune_page import describe_outcome
from handshape.studies.material import Material
from handshape.studies.page import Outcome
from handshape.studies.steps import Result, Steps
from handshape.training.checkpoint import Checkpoint
from handshape.training.finetune import FinetuneFitter
from handshape.training.fit_result import FitResult
from handshape.training.frozen import FrozenFitter
from handshape.training.loop import LoopConfig
from handshape.training.memory import peak_memory

WAYS = ("frozen", "last", "all", "scratch")
"""The backbone as it is, its last block tuned, all of it tuned, and the same network from first weights."""

# Highest learning rate where the same network is trained from first weights.
_SCRATCH_RATE = 1e-3


def study_finetune(config: FinetuneConfig, material: Material, steps: Steps) -> Outcome:
    """Train by every way on more and more photos of each label, and judge all on the same test photos.

    Args:
        config: The settings.
        material: The photos and the backbone.
        steps: Keeps what is finished.

    Returns:
        Accuracies with intervals, costs and drift, by the number of photos.
    """
    sizes = _sizes(config, material)
    found: dict[int, dict[str, Any]] = {}
    for count, train in sizes.items():
        sides: SplitIndices = {**material.sides, "train": train}
        found[count] = {
            way: steps.run(f"{way}-{count}", partial(_try, config, material, sides, way)).figures
            for way in WAYS
        }
    return describe_outcome(material, {count: _compared(material, ways) for count, ways in found.items()})


def _sizes(config: FinetuneConfig, material: Material) -> dict[int, NDArray[np.int64]]:
    """Return training photos by their number per label; fewer are always among more."""
    ranked = _ranked(material)
    most = max(len(own) for own in ranked)
    counts = sorted({min(count or most, most) for count in config.counts})
    return {count: np.sort(np.concatenate([own[:count] for own in ranked])) for count in counts}


def _ranked(material: Material) -> list[NDArray[np.int64]]:
    """Return the training photos of each label by chance, but one of each burst before any second one."""
    chance = np.random.default_rng(material.seed)
    train, ranked = material.sides["train"], []
    for label in range(len(material.labels)):
        own = chance.permutation(train[material.classes[train] == label])
        seen: dict[Any, int] = {}
        turn = []
        for burst in material.survey.bursts[own].tolist():
            turn.append(seen.get(burst, 0))
            seen[burst] = turn[-1] + 1
        ranked.append(own[np.argsort(turn, kind="stable")])
    return ranked


@dataclass(frozen=True)
class _Tools:
    frozen: FrozenFitter
    tuned: FinetuneFitter
    backbone: Backbone


def _tools(config: FinetuneConfig, material: Material, way: str) -> _Tools:
    backbone, rate = material.backbone, config.tuning_rate
    if way == "scratch":
        backbone, rate = load_backbone(backbone.name, UNTRAINED, seed=material.seed), _SCRATCH_RATE
    looks = {field.name: getattr(config, field.name) for field in fields(AugmentOptions)}
    options = BackboneConfig(backbone=backbone.name, **looks)
    loop = LoopConfig(batch_size=config.batch_size, seed=material.seed)
    tuning = FinetuneOptions(
        unfreeze="last" if way == "last" else "all", tuning_epochs=config.epochs, tuning_rate=rate
    )
    scan, store, device = material.survey.indexed, material.store, material.device
    # Valid photos must not be learned from: the curve counts the photos that were.
    frozen = FrozenFitter(scan, store, device, backbone, options, loop, without_valid=True)
    tuned = FinetuneFitter(scan, store, device, backbone, frozen, options, tuning, loop)
    return _Tools(frozen, tuned, backbone)


def _try(
    config: FinetuneConfig, material: Material, sides: SplitIndices, way: str, keeper: Checkpoint
) -> Result:
    tools, began = _tools(config, material, way), time.perf_counter()
    with peak_memory(material.device) as peak:
        if way == "frozen":
            trained = tools.frozen.fit(sides, mirrored=False)
        else:
            trained = tools.tuned.fit(sides, mirrored=False, keeper=keeper)
    seconds = time.perf_counter() - began
    history = [vars(epoch) for epoch in trained.history] if way != "frozen" else []
    figures = {
        "correct": _correct(material, trained, sides).tolist(),
        "photos": len(sides["train"]),
        "seconds": seconds,
        "peak_megabytes": peak.megabytes,
        "trained": trained.trained_parameters,
        "drift": _drift(material, trained, sides) if way in ("last", "all") else {},
    }
    return Result(figures, history=history)


def _correct(material: Material, trained: FitResult, sides: SplitIndices) -> NDArray[np.bool_]:
    told: NDArray[np.int64] = trained.logits["test"].argmax(dim=1).numpy()
    return np.asarray(told == material.classes[sides["test"]])


def _drift(material: Material, trained: FitResult, sides: SplitIndices) -> dict[str, float]:
    network = trained.network
    assert isinstance(network, BackboneClassifier) and isinstance(network.backbone, Backbone)
    tuned = network.backbone.to(material.device)
    return measure_drift(
        material.backbone.to(material.device), tuned, material.survey.indexed.images, sides["test"]
    )


def _compared(material: Material, ways: dict[str, Any]) -> dict[str, Any]:
    """Add accuracy and interval to each way, and the paired difference from the frozen network."""
    test = material.sides["test"]
    signers, bursts = [material.signers[i] for i in test], material.survey.bursts[test]
    frozen = np.array(ways["frozen"]["correct"], dtype=bool)
    found = {}
    for way, figures in ways.items():
        correct = np.array(figures["correct"], dtype=bool)
        kept = {key: value for key, value in figures.items() if key != "correct"}
        interval = accuracy_interval(correct, signers, bursts)
        found[way] = {**kept, "test_accuracy": float(correct.mean()), "test_interval": interval.pair}
        if way != "frozen":
            found[way]["against_frozen"] = compare_paired(frozen, correct, signers, bursts).to_dict()
    return found
