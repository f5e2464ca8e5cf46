"""Left shoe against right shoe: can features distinguish photos from their mirror images, and why or why not?

The photos and their mirror images are two classes, and a mirror image is always in the same split as its
photo. Heads on 8 x 8 pixels and on frozen features, the fine-tuned backbone and the lesson's
CNN classify them. The similarity of features, layer by layer, explains the accuracies, and drawn pictures
whose answer is known check them.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Subset

from handshape.config.finetune import FinetuneOptions
from handshape.config.study import ChiralityConfig
from handshape.config.train import BackboneConfig
from handshape.data.augment import MIRRORED
from handshape.data.images.decode import Preprocessing
from handshape.models.cnn import CNN
from handshape.studies.drawn_arrows import CONTROLS, control_by_arrows, control_table
from handshape.studies.mirror_images import (
    WithMirrorImages,
    classify_by_lda,
    split_with_mirror_images,
    thumbnail_pairs,
    with_mirror_images,
)
from handshape.studies.mirror_similarity import measure_similarity, plot_similarity
from handshape.studies.page import PageTable, Section, StudyOutcome, percent, percent_range, texts
from handshape.studies.steps import GRID, StepResult, Steps, StudyData, select_settings
from handshape.training.checkpoint import Checkpoint
from handshape.training.datasets import NormalisedImages
from handshape.training.finetune import FinetuneFitter
from handshape.training.frozen import FrozenFitter
from handshape.training.history import Epoch
from handshape.training.loop import LoopConfig, train_network
from handshape.training.predict import predict_logits

# Cues from 8 x 8 pixels explain all when their accuracy comes so near to that of features.
_NEAR = 0.03

_MODELS = {
    "thumbnail": "8 x 8 pixels",
    "frozen-1x1": "frozen, 1 x 1",
    "frozen-4x4": "frozen, 4 x 4",
    "finetuned": "fine-tuned",
    "cnn": "CNN",
}
_Figures = Mapping[str, Any]


def study_chirality(config: ChiralityConfig, data: StudyData, steps: Steps) -> StudyOutcome:
    """Classify photos against their mirror images with five models, and explain the accuracies.

    Args:
        config: The settings.
        data: The photos and the backbone.
        steps: Keeps the results of finished steps.

    Returns:
        Accuracies with intervals, similarities by layer, and the drawn controls.
    """
    runs: dict[str, Callable[[Checkpoint], StepResult]] = {
        "thumbnail": partial(_run_head, data, lambda: thumbnail_pairs(data.images)),
        "frozen-1x1": partial(_run_head, data, lambda: _feature_pairs(data, 1)),
        "frozen-4x4": partial(_run_head, data, lambda: _feature_pairs(data, GRID)),
        "finetuned": partial(_finetune, config, data),
        "cnn": partial(_train_cnn, config, data),
        "similarity": lambda _: StepResult({"layers": measure_similarity(data)}),
        "control-arrow": lambda _: control_by_arrows(data, heads=1),
        "control-two-headed": lambda _: control_by_arrows(data, heads=2),
    }
    return _describe(data, {name: steps.run(name, run).figures for name, run in runs.items()})


# Models.


def _feature_pairs(data: StudyData, places: int) -> Tensor:
    both = np.concatenate([data.features(places, view=view) for view in (0, MIRRORED)])
    return torch.from_numpy(both.astype(np.float32))


def _finetune(config: ChiralityConfig, data: StudyData, keeper: Checkpoint) -> StepResult:
    """Fine-tune the backbone on photos and mirror images, without augmentation, as all models here."""
    index = with_mirror_images(data.report.indexed)
    options = BackboneConfig(backbone=config.backbone, weights=config.weights, views=0)
    loop = LoopConfig(batch_size=config.batch_size, weight_decay=config.weight_decay, seed=config.seed)
    common = (index, data.cache, data.device, data.backbone)
    tuning = select_settings(FinetuneOptions, config)
    fitter = FinetuneFitter(*common, FrozenFitter(*common, options, loop), options, tuning, loop)
    fitted = fitter.fit(
        split_with_mirror_images(data.splits, len(data.classes)), mirrored=False, keeper=keeper
    )
    return _network_result(data, fitted.logits["test"], fitted.history)


def _train_cnn(config: ChiralityConfig, data: StudyData, keeper: Checkpoint) -> StepResult:
    """Train the lesson's CNN on photos and mirror images."""
    size, images = data.backbone.preprocessing.size, WithMirrorImages(data.images)
    both = split_with_mirror_images(data.splits, len(data.classes)).values()
    inputs = [NormalisedImages(Subset(images, own.tolist()), Preprocessing(size)) for own in both]
    train, valid, test = zip(inputs, (own // len(data.classes) for own in both), strict=True)
    network, history = train_network(
        lambda: CNN(2, size).to(memory_format=torch.channels_last), train, valid,
        select_settings(LoopConfig, config), device=data.device, what="Training the CNN", keeper=keeper,
    )  # fmt: skip
    return _network_result(data, predict_logits(network, test[0]), history)


def _run_head(data: StudyData, make: Callable[[], Tensor], _: Checkpoint) -> StepResult:
    began, rows = time.perf_counter(), make()
    return StepResult(_test_figures(data, classify_by_lda(rows, data.splits), time.perf_counter() - began))


def _network_result(data: StudyData, logits: Tensor, history: list[Epoch]) -> StepResult:
    correct = logits.argmax(dim=1).numpy() == np.repeat(np.arange(2), len(logits) // 2)
    seconds = math.fsum(epoch.seconds for epoch in history)  # epochs before a kill included
    return StepResult(_test_figures(data, correct, seconds), history=[vars(epoch) for epoch in history])


def _test_figures(data: StudyData, correct: NDArray[np.bool_], seconds: float) -> dict[str, Any]:
    accuracy, interval = float(correct.mean()), data.test_interval(correct)
    figures = {"test_accuracy": accuracy, "test_interval": interval.pair, "interval": interval}
    return {**figures, "seconds": seconds}


# The page.


def _describe(data: StudyData, found: Mapping[str, _Figures]) -> StudyOutcome:
    models = {name: found[name] for name in _MODELS}
    controls = {name: found[f"control-{name}"] for name in CONTROLS}
    layers: list[_Figures] = found["similarity"]["layers"]
    summary, text = _models_table(models), texts("chirality")
    plots = [plot_similarity(layers, places) for places in (1, GRID)]
    sections = [
        Section("models", "Photos against their mirror images", text["models"], [summary]),
        Section("why", "Why: how similar a photo and its mirror image are", text["why"], plots),
        Section(
            "control",
            "Drawn controls with a known answer",
            text["control"],
            [control_table(controls)],
        ),
        Section("limits", "Limits", text["limits"]),
    ]
    figures = {"models": models, "similarity": layers, "controls": controls, "chance": 0.5}
    answer = _answer(data.backbone.name, models, layers)
    return StudyOutcome(answer, figures, sections, summary, _find_cautions(models))


def _answer(name: str, models: Mapping[str, _Figures], layers: Sequence[_Figures]) -> str:
    by_place, averaged = models["frozen-4x4"], models["frozen-1x1"]
    found = (
        f"Frozen {name} features distinguish {percent(by_place['test_accuracy'])} of photos from their "
        f"mirror images (guessing: 50 %), and {percent(averaged['test_accuracy'])} when averaged over all "
        "places"
    )
    if max(model["test_interval"][0] for model in (by_place, averaged)) <= 0.5:
        return f"{found}: no better than guessing, as far as these photos show"
    thumbnail = models["thumbnail"]
    if thumbnail["test_interval"][0] > 0.5 and thumbnail["test_accuracy"] > _best(models) - _NEAR:
        return (
            f"{found}; but 8 x 8 pixels distinguish {percent(thumbnail['test_accuracy'])}, so these photos "
            "cannot answer the question: outline, light or frame differ from left to right"
        )
    last = [layer for layer in layers if layer["places"] == 1][-1]["means"]
    if last["same label"] is None or last["mirrored"] <= last["same label"]:
        return found
    return (
        f"{found}: a photo is then more similar to its mirror image ({last['mirrored']:.2f}) than to another "
        f"photo of its label ({last['same label']:.2f})"
    )


def _best(models: Mapping[str, _Figures]) -> float:
    return max(float(models[name]["test_accuracy"]) for name in ("frozen-1x1", "frozen-4x4"))


def _models_table(models: Mapping[str, _Figures]) -> PageTable:
    rows = [
        [_MODELS[name], percent(model["test_accuracy"]), percent_range(*model["test_interval"])]
        for name, model in models.items()
    ]
    words = "Accuracy, photos against mirror images; guessing gives 50 %."
    return PageTable(words, ["Model", "Test", "95 % interval"], rows)


def _find_cautions(models: Mapping[str, _Figures]) -> list[tuple[str, str]]:
    accuracy, best = models["thumbnail"]["test_accuracy"], _best(models)
    if models["thumbnail"]["test_interval"][0] <= 0.5:
        return []
    share = "all" if accuracy > best - _NEAR else "part"
    text = f"8 x 8 pixels give {percent(accuracy)}: outline, light, place or frame explain {share} of it."
    return [("Fingers are not needed", text)]
