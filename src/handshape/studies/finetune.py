"""Fine-tune the backbone or leave it frozen: what is gained and what it costs, by the number of photos.

A frozen backbone, its last block tuned, all of it tuned, and the same network trained from random weights
are trained on 1, 2, 5, ... photos of each label and compared on the same test photos.
"""

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.config.finetune import FinetuneOptions
from handshape.config.study import FinetuneConfig
from handshape.config.train import BackboneConfig
from handshape.evaluation.intervals.paired import compare_paired
from handshape.evaluation.report import plots
from handshape.evaluation.report.plots import INK, RIGHT, WRONG
from handshape.models.backbones.registry import load_backbone
from handshape.models.backbones.weights import UNTRAINED
from handshape.studies import page
from handshape.studies.page import PageImage, PageTable, Section, StudyOutcome
from handshape.studies.steps import StepResult, Steps, StudyData, select_settings
from handshape.training.checkpoint import Checkpoint
from handshape.training.finetune import FinetuneFitter
from handshape.training.frozen import FrozenFitter
from handshape.training.loop import LoopConfig

# Name, colour, line and marker of each model.
_MODELS = {
    "frozen": ("frozen", RIGHT, "-", "o"),
    "last": ("last block tuned", INK, "--", "s"),
    "all": ("all tuned", WRONG, "-", "^"),
    "scratch": ("from scratch", INK, ":", "x"),
}
_TUNED = ("last", "all")
# Highest learning rate of the network that is trained from random weights.
_SCRATCH_RATE = 1e-3

# With so accurate a frozen network there is nothing to gain.
_CEILING = 0.98

_Figures = Mapping[str, Any]
_Sizes = Mapping[int, Mapping[str, _Figures]]


def study_finetune(config: FinetuneConfig, data: StudyData, steps: Steps) -> StudyOutcome:
    """Train each model on more and more photos of each label, and compare them on the same test photos.

    Args:
        config: The settings.
        data: The photos and the backbone.
        steps: Keeps the results of finished steps.

    Returns:
        Accuracies with intervals and costs, by the number of photos.
    """
    sizes = {}
    for count, train in choose_training_photos(config, data).items():
        runs = {name: partial(_fit, config, data, train, name) for name in _MODELS}
        fitted = {name: steps.run(f"{name}-{count}", run).figures for name, run in runs.items()}
        sizes[count] = _compare(data, fitted)
    return _describe(data, sizes)


def choose_training_photos(config: FinetuneConfig, data: StudyData) -> dict[int, NDArray[np.int64]]:
    """Return training photos by their number per label; smaller choices are part of larger ones.

    Photos of each label are in random order, but one of each burst comes before any second one.
    """
    rng, train, ranked = np.random.default_rng(data.seed), data.splits["train"], []
    for label in range(len(data.labels)):
        own = rng.permutation(train[data.classes[train] == label])
        bursts = data.report.bursts[own]
        earlier = [int((bursts[:i] == bursts[i]).sum()) for i in range(len(own))]
        ranked.append(own[np.argsort(earlier, kind="stable")])
    most = max(map(len, ranked))
    counts = sorted({min(count or most, most) for count in config.counts})
    return {count: np.sort(np.concatenate([own[:count] for own in ranked])) for count in counts}


def _fit(
    config: FinetuneConfig, data: StudyData, train: NDArray[np.int64], name: str, keeper: Checkpoint
) -> StepResult:
    backbone, rate = data.backbone, config.tuning_rate
    if name == "scratch":
        backbone, rate = load_backbone(backbone.name, UNTRAINED, seed=data.seed), _SCRATCH_RATE
    options = select_settings(BackboneConfig, config, weights=None)
    loop = LoopConfig(batch_size=config.batch_size, seed=data.seed)
    tuning = FinetuneOptions(
        unfreeze="last" if name == "last" else "all", tuning_epochs=config.epochs, tuning_rate=rate
    )
    common = (data.report.indexed, data.cache, data.device, backbone)
    # Heads are not refitted with validation photos: the curve counts the photos that were trained on.
    frozen = FrozenFitter(*common, options, loop, without_valid=True)
    splits, began = {**data.splits, "train": train}, time.perf_counter()
    if name == "frozen":
        fitted = frozen.fit(splits, mirrored=False)
    else:
        tuned = FinetuneFitter(*common, frozen, options, tuning, loop)
        fitted = tuned.fit(splits, mirrored=False, keeper=keeper)
    correct = fitted.logits["test"].argmax(dim=1).numpy() == data.classes[splits["test"]]
    seconds, trained = time.perf_counter() - began, fitted.trained_parameters
    figures = {"correct": correct.tolist(), "photos": len(train), "seconds": seconds, "trained": trained}
    return StepResult(figures, history=[vars(row) for row in fitted.history] if name != "frozen" else [])


def _compare(data: StudyData, models: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Replace the flags of each model by its accuracy, interval and paired difference from the frozen one."""
    test = data.splits["test"]
    groups = [data.signers[i] for i in test], data.report.bursts[test]
    correct = {name: np.array(figures.pop("correct"), dtype=bool) for name, figures in models.items()}
    for name, figures in models.items():
        figures["test_accuracy"] = float(correct[name].mean())
        figures["test_interval"] = data.test_interval(correct[name]).pair
        figures["against_frozen"] = compare_paired(correct["frozen"], correct[name], *groups).to_dict()
    return dict(models)


# The page.


def _describe(data: StudyData, sizes: _Sizes) -> StudyOutcome:
    accuracies = _table("Test accuracy (95 % interval).", sizes, list(_MODELS), _accuracy)
    words = "Difference from the frozen network on the same test photos (95 % interval)."
    differences = _table(words, sizes, [*_TUNED, "scratch"], _difference)
    text = page.texts("finetune", comparisons=len(sizes) * len(_TUNED), backbone=data.backbone.name)
    sections = [
        Section("gain", "Accuracy", text["gain"], [_plot(sizes), accuracies, differences]),
        Section("cost", "Cost", text["cost"], [_cost_table(sizes)]),
    ]
    figures = {"sizes": {str(count): models for count, models in sizes.items()}}
    return StudyOutcome(find_finetune_answer(sizes), figures, sections, accuracies)


def find_finetune_answer(sizes: _Sizes) -> str:
    """Return in a sentence whether fine-tuning pays, as far as the paired intervals show it.

    Args:
        sizes: Figures by the number of photos of each label and by model.
    """
    gains = [(n, name, sizes[n][name]["against_frozen"]) for n in sorted(sizes) for name in _TUNED]
    least = sizes[min(sizes)]["frozen"]["test_accuracy"]
    if least >= _CEILING:
        return (
            f"These photos cannot answer whether fine-tuning pays: with {min(sizes)} of each label the "
            f"frozen network classifies {page.percent(least)} of the test photos correctly, and nothing is "
            "left to gain. Ask it of photos in other rooms or of more people"
        )
    better = [gain for gain in gains if gain[2]["low"] > 0]
    worse = {n for n, _, gain in gains if gain["high"] < 0}
    count, name, gain = better[0] if better else max(gains, key=lambda one: one[2]["difference"])
    case = f"{_difference(sizes[count][name])} ({_MODELS[name][0]}, {count} of each label)"
    if better:
        won = len({n for n, _, _ in better})
        return f"Fine-tuning improved accuracy at {won} of {len(sizes)} training sizes, first by {case}"
    if gain["difference"] > 0:
        return f"These photos do not show that fine-tuning pays: the largest gain, {case}, may be chance"
    lost = f" and reduced accuracy at {len(worse)} of {len(sizes)} training sizes" if worse else ""
    return f"Fine-tuning did not pay here: it was more accurate than the frozen network at no size{lost}"


def _plot(sizes: _Sizes) -> PageImage:
    drawing, axes = plots.new_plot(3.6, "training photos of each label", "test accuracy (%)")
    for place, (model, (name, colour, line, marker)) in enumerate(_MODELS.items()):
        at = np.arange(len(sizes)) + 0.06 * (place - 1.5)  # so that no interval hides another
        values = np.array([100 * models[model]["test_accuracy"] for models in sizes.values()])
        low, high = 100 * np.array([models[model]["test_interval"] for models in sizes.values()]).T
        axes.errorbar(at, values, yerr=[values - low, high - values], color=colour, ls=line,
                      marker=marker, ms=4, lw=1.5, elinewidth=0.8, label=name)  # fmt: skip
    axes.set_xticks(range(len(sizes)), [str(count) for count in sizes])
    axes.set_ylim(0, 103)
    plots.add_legend(drawing, loc="outside lower center", ncols=2)
    words = "Test accuracy of four models by training photos of each label; the table has the numbers."
    return PageImage("accuracy-by-photos", "Test accuracy with 95 % intervals", drawing, words)


def _table(words: str, sizes: _Sizes, names: list[str], cell: Callable[[_Figures], str]) -> PageTable:
    rows = [[str(count), *(cell(models[name]) for name in names)] for count, models in sizes.items()]
    return PageTable(words, ["Photos of each label", *(_MODELS[name][0] for name in names)], rows)


def _cost_table(sizes: _Sizes) -> PageTable:
    count = max(sizes)
    models = sizes[count].items()
    rows = [[_MODELS[name][0], f"{one['seconds']:.1f} s", f"{one['trained']:,}"] for name, one in models]
    words = f"Cost with {sizes[count]['frozen']['photos']:,} training photos ({count} of each label)."
    return PageTable(words, ["Model", "Time", "Trained parameters"], rows)


def _accuracy(one: _Figures) -> str:
    return f"{page.percent(one['test_accuracy'])} ({page.percent_range(*one['test_interval'])})"


def _difference(one: _Figures) -> str:
    difference, low, high = (100 * one["against_frozen"][key] for key in ("difference", "low", "high"))
    return f"{difference:+.1f} points ({low:+.1f} to {high:+.1f})"
