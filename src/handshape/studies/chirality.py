"""Left shoe against right shoe: can features tell photos from their mirror images, and why or why not."""

import math
import time
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from typing import Any

import numpy as np

from handshape.config.study import ChiralityConfig
from handshape.data.dataset import SplitIndices
from handshape.evaluation.json_result import to_json_types
from handshape.studies.chirality_page import describe_outcome
from handshape.studies.material import PLACES, Material
from handshape.studies.mirror_control import Control, control_by_arrows, control_by_hands
from handshape.studies.mirror_pairs import (
    Both,
    Correct,
    borders,
    figures_on_split,
    figures_over_folds,
    frozen_features,
    tell_by_cnn,
    tell_by_head,
    thumbnails,
)
from handshape.studies.mirror_similarity import measure_similarity
from handshape.studies.mirror_tuning import tell_by_tuning
from handshape.studies.page import Outcome
from handshape.studies.steps import Result, Steps
from handshape.training.checkpoint import Checkpoint
from handshape.training.history import Epoch
from handshape.training.loop import LoopConfig

_FEWEST_SIGNERS = 3
# Trains a network on given sides: what it told right of the test side, and its history.
Training = Callable[[SplitIndices, Checkpoint], tuple[Correct, list[Epoch]]]


def study_chirality(config: ChiralityConfig, material: Material, steps: Steps) -> Outcome:
    """Take photos and their mirror images as two classes, and try who can tell them.

    Args:
        config: The settings.
        material: The photos and the backbone.
        steps: Keeps what is finished.

    Returns:
        The accuracies with their intervals, what explains them, and the controls.
    """
    signers = len(material.survey.split.dataset.signers) >= _FEWEST_SIGNERS
    images = material.survey.indexed.images
    heads: dict[str, Callable[[], Both]] = {
        "border": partial(borders, images),
        "thumbnail": partial(thumbnails, images),
        "frozen-1x1": partial(frozen_features, material, 1),
        "frozen-4x4": partial(frozen_features, material, PLACES),
    }
    models = {name: _try_head(material, steps, name, make, folds=signers) for name, make in heads.items()}
    loop = LoopConfig(**{field.name: getattr(config, field.name) for field in fields(LoopConfig)})
    networks: dict[str, Training] = {
        "finetuned": partial(tell_by_tuning, config, material),
        "cnn": partial(tell_by_cnn, material, loop),
    }
    folds = signers and config.folds == "signers"
    for name, train in networks.items():
        models[name] = _try_network(material, steps, name, train, folds=folds)
    similarity = steps.run(
        "similarity", lambda _: Result({"layers": [vars(alike) for alike in measure_similarity(material)]})
    )
    drawn: dict[str, Callable[[], Control]] = {
        "arrow": partial(control_by_arrows, material, heads=1),
        "two-headed": partial(control_by_arrows, material, heads=2),
        "hands": partial(control_by_hands, material),
    }
    controls = {name: _try_control(steps, name, draw) for name, draw in drawn.items()}
    return describe_outcome(material, models, similarity.figures["layers"], controls)


def _try_head(
    material: Material, steps: Steps, name: str, make: Callable[[], Both], *, folds: bool
) -> dict[str, Any]:
    def work(_: Checkpoint) -> Result:
        began = time.perf_counter()
        both = make()
        figures = figures_on_split(material, tell_by_head(both, material.sides)[0], began)
        if folds:
            figures["folds"] = figures_over_folds(material, lambda _, sides: tell_by_head(both, sides)[0])
        return Result(figures)

    return steps.run(name, work).figures


def _try_network(
    material: Material, steps: Steps, name: str, train: Training, *, folds: bool
) -> dict[str, Any]:
    def tell(step: str, sides: SplitIndices) -> tuple[Correct, float]:
        def work(keeper: Checkpoint) -> Result:
            correct, history = train(sides, keeper)
            # Of all epochs, those before a kill too.
            seconds = math.fsum(epoch.seconds for epoch in history)
            rows = [vars(epoch) for epoch in history]
            return Result({"correct": correct.tolist(), "seconds": seconds}, history=rows)

        figures = steps.run(step, work).figures
        return np.array(figures["correct"], dtype=bool), figures["seconds"]

    signers = material.survey.split.dataset.signers
    correct, seconds = tell(name, material.sides)
    found = {**figures_on_split(material, correct, 0.0), "seconds": seconds}
    if folds:
        found["folds"] = figures_over_folds(
            material, lambda signer, sides: tell(f"{name}-fold-{signers.index(signer)}", sides)[0]
        )
    return to_json_types(found)  # type: ignore[no-any-return]


def _try_control(steps: Steps, name: str, draw: Callable[[], Control]) -> dict[str, Any]:
    def work(_: Checkpoint) -> Result:
        found = draw()
        by_places: dict[str, dict[int, Any]] = {
            "accuracies": found.accuracies,
            "intervals": {places: interval.pair for places, interval in found.intervals.items()},
            "really_left": found.really_left,
        }
        named = {key: {str(at): value for at, value in values.items()} for key, values in by_places.items()}
        return Result({"known": found.known, **named})

    return steps.run(f"control-{name}", work).figures
