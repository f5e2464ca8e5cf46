"""Left shoe against right shoe: can features distinguish photos from their mirror images, and why or why not?

The photos and their mirror images are two classes, and a mirror image is always in the same split as its
photo. Heads on 8 x 8 pixels and on frozen features, the fine-tuned backbone and the lesson's
CNN classify them. The similarity of features, layer by layer, explains the accuracies, and drawn pictures
whose answer is known check them.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Subset

from handshape.config.finetune import FinetuneOptions
from handshape.config.study import ChiralityConfig
from handshape.config.train import BackboneConfig
from handshape.data.augment import MIRRORED, Views
from handshape.data.dataset import SPLITS, SplitIndices, SplitName
from handshape.data.images import prepared
from handshape.data.images.decode import Preprocessing
from handshape.data.images.index import ImageIndex
from handshape.evaluation.intervals.accuracy import accuracy_interval
from handshape.evaluation.report import plots
from handshape.evaluation.report.plots import INK, RIGHT, WRONG
from handshape.features.extract import Extractor, features_now
from handshape.models.backbones.layers import layers_of, outputs_of
from handshape.models.cnn import CNN
from handshape.models.heads import Head
from handshape.models.network_config import HeadConfig
from handshape.studies.page import PageImage, PageTable, Section, StudyOutcome, percent, percent_range, texts
from handshape.studies.steps import GRID, StepResult, Steps, StudyData, select_settings
from handshape.training.checkpoint import Checkpoint
from handshape.training.datasets import FeatureRows, NormalisedImages
from handshape.training.finetune import FinetuneFitter
from handshape.training.frozen import FrozenFitter
from handshape.training.heads.lda import train_lda
from handshape.training.history import Epoch
from handshape.training.loop import LoopConfig, train_network
from handshape.training.predict import predict_logits

ARROWS: dict[SplitName, int] = {"train": 160, "valid": 40, "test": 100}
"""Drawn arrows in each split."""
# Similarities are means over so many photos, spread evenly over the data set.
_COMPARED = 64
# The small shift that mirroring is compared with, as a share of the photo's width.
_SHIFT = 0.05
# Arrows are drawn this much larger and then shrunk, so that their edges are smooth.
_FINE = 4
# Cues from 8 x 8 pixels explain all when their accuracy comes so near to that of features.
_NEAR = 0.03

_MODELS = {
    "thumbnail": "8 x 8 pixels",
    "frozen-1x1": "frozen, 1 x 1",
    "frozen-4x4": "frozen, 4 x 4",
    "finetuned": "fine-tuned",
    "cnn": "CNN",
}
_CONTROLS = {"arrow": "arrows", "two-headed": "two-headed arrows"}
# What a photo is compared with; the mirror image's feature map "turned back" equals the photo's own in a
# network that responds to left and right alike. Colour, line and marker of each.
_COMPARISONS: dict[str, tuple[str, str, str, str | None]] = {
    "shifted": ("shifted by 5 %", INK, ":", "s"),
    "mirrored": ("mirrored", WRONG, "-", "o"),
    "turned back": ("mirrored, map turned back", WRONG, "--", None),
    "same label": ("other photo, same label", RIGHT, "-", "^"),
    "other label": ("other label", RIGHT, "--", None),
}

_Correct = NDArray[np.bool_]
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


# Photos and their mirror images as two classes: 2 N rows, first those of the photos (class 0).


class WithMirrorImages(prepared.BatchedDataset[NDArray[np.uint8]]):
    """N images, followed by their N mirror images.

    Args:
        images: N prepared images.
    """

    def __init__(self, images: prepared.PreparedImages) -> None:
        self._images = images

    def __len__(self) -> int:
        return 2 * len(self._images)

    def __getitems__(self, indices: prepared.BatchIndices) -> NDArray[np.uint8]:
        chosen = np.asarray(indices, dtype=np.int64)
        pixels = np.array(prepared.read_batch(self._images, chosen % len(self._images)))
        mirrored = chosen >= len(self._images)
        pixels[mirrored] = pixels[mirrored][:, :, ::-1]
        return pixels


def thumbnail_pairs(images: prepared.PreparedImages, size: int = 8) -> Tensor:
    """Return photos averaged to ``size`` x ``size`` pixels, (2 N, 3, size, size): no view of the fingers."""
    batches = (range(i, min(i + 256, len(images))) for i in range(0, len(images), 256))
    pixels = (torch.from_numpy(prepared.read_batch(images, batch)).permute(0, 3, 1, 2) for batch in batches)
    small = torch.cat([F.adaptive_avg_pool2d(batch.float(), size) for batch in pixels]) / 255
    return torch.cat([small, small.flip(3)])


def _feature_pairs(data: StudyData, places: int) -> Tensor:
    both = np.concatenate([data.features(places, view=view) for view in (0, MIRRORED)])
    return torch.from_numpy(both.astype(np.float32))


def _with_mirror_images(splits: SplitIndices, count: int) -> SplitIndices:
    return {name: np.concatenate([own, own + count]) for name, own in splits.items()}


def with_mirror_images(index: ImageIndex) -> ImageIndex:
    """Return N photos and their N mirror images as one data set of two labels."""
    labels = ("as taken", "mirrored")
    samples = tuple(replace(sample, label=label) for label in labels for sample in index.dataset.samples)
    # Mirror images need digests of their own, under which their views and features are cached.
    digests = (prepared.content_digest(f"{digest} mirrored".encode()) for digest in index.digests)
    dataset = replace(index.dataset, samples=samples, labels=labels)
    return ImageIndex(dataset, (*index.digests, *digests), index.stats * 2, WithMirrorImages(index.images))


# Models. A result is (2 n,) bool: whether each test photo, then each mirror image, is classified correctly.


def classify_by_lda(rows: Tensor, splits: SplitIndices) -> _Correct:
    """Fit linear discriminant analysis on photos and mirror images, and test it.

    Args:
        rows: (2 N, ...) float32, N photos and their mirror images.
        splits: Indices of the photos in each part of the split.
    """
    count = len(rows) // 2
    both = _with_mirror_images(splits, count)
    train, valid = ((FeatureRows(rows[both[name]]), both[name] // count) for name in SPLITS[:2])
    head = Head(rows[0].numel(), 2, HeadConfig("lda", None))
    train_lda(head, train, valid)
    with torch.inference_mode():
        predicted = head(rows[both["test"]]).argmax(dim=1).numpy()
    return np.asarray(predicted == both["test"] // count)


def _finetune(config: ChiralityConfig, data: StudyData, keeper: Checkpoint) -> StepResult:
    """Fine-tune the backbone on photos and mirror images, without augmentation, as all models here."""
    index = with_mirror_images(data.report.indexed)
    options = BackboneConfig(backbone=config.backbone, weights=config.weights, views=0)
    loop = LoopConfig(batch_size=config.batch_size, weight_decay=config.weight_decay, seed=config.seed)
    common = (index, data.cache, data.device, data.backbone)
    tuning = select_settings(FinetuneOptions, config)
    fitter = FinetuneFitter(*common, FrozenFitter(*common, options, loop), options, tuning, loop)
    fitted = fitter.fit(_with_mirror_images(data.splits, len(data.classes)), mirrored=False, keeper=keeper)
    return _network_result(data, fitted.logits["test"], fitted.history)


def _train_cnn(config: ChiralityConfig, data: StudyData, keeper: Checkpoint) -> StepResult:
    """Train the lesson's CNN on photos and mirror images."""
    size, images = data.backbone.preprocessing.size, WithMirrorImages(data.images)
    both = _with_mirror_images(data.splits, len(data.classes)).values()
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


def _test_figures(data: StudyData, correct: _Correct, seconds: float) -> dict[str, Any]:
    accuracy, interval = float(correct.mean()), data.test_interval(correct)
    figures = {"test_accuracy": accuracy, "test_interval": interval.pair, "interval": interval}
    return {**figures, "seconds": seconds}


# Why: how similar the features of a photo and of its mirror image are.


def measure_similarity(data: StudyData) -> list[dict[str, Any]]:
    """Compare photos with their mirror images and with other photos, layer by layer.

    Similarity is the cosine of two feature vectors after the mean over all photos and mirror images was
    subtracted: what all photos share does not count.

    Args:
        data: The photos and the backbone.

    Returns:
        Rows of ``layer``, ``places`` and ``means``: the mean similarity of each comparison, NaN without a
        pair. Pixels first, then all layers, first averaged to one place and then to 4 x 4.
    """
    chosen = np.unique(np.linspace(0, len(data.classes) - 1, _COMPARED).round().astype(np.int64))
    partners = _choose_partners(data, chosen)
    backbone = data.backbone.to(data.device)
    layers = layers_of(backbone)
    maps: dict[tuple[int, str], dict[str, list[Tensor]]] = {
        (places, name): {"plain": [], "shifted": [], "mirrored": []}
        for places in (1, GRID)
        for name in ("pixels", *(layer.name for layer in layers))
    }
    with torch.inference_mode(), outputs_of([layer.module for layer in layers]) as outputs:
        for batch in np.split(chosen, range(16, len(chosen), 16)):
            pixels = torch.from_numpy(prepared.read_batch(data.images, batch))
            columns = (torch.arange(pixels.shape[2]) - round(_SHIFT * pixels.shape[2])).clamp(min=0)
            views = {"plain": pixels, "shifted": pixels[:, :, columns], "mirrored": pixels.flip(2)}
            for view, seen in views.items():
                images = backbone.preprocessing.normalise(seen.to(data.device))
                backbone(images)
                found = {"pixels": images, **{layer.name: outputs[layer.module] for layer in layers}}
                for (places, name), rows in maps.items():
                    rows[view].append(F.adaptive_avg_pool2d(found[name].float(), places).cpu())
    return [
        {"layer": name, "places": places, "means": _similarities(rows, partners)}
        for (places, name), rows in maps.items()
    ]


def _choose_partners(data: StudyData, chosen: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    """Return for each chosen photo another of its label and one of another label; -1 where there is none."""
    classes = data.classes[chosen]
    # Without known signers, photos of other bursts are the best there is.
    known = any(data.signers)
    groups = np.array([data.signers[i] or "" for i in chosen]) if known else data.report.bursts[chosen]
    rng = np.random.default_rng(data.seed)
    partners = np.full((2, len(chosen)), -1)
    for row in range(len(chosen)):
        same = (classes == classes[row]) & (groups != groups[row])
        for kind, fits in enumerate((same, classes != classes[row])):
            if fits.any():
                partners[kind, row] = rng.choice(np.flatnonzero(fits))
    return {"same label": partners[0], "other label": partners[1]}


def _similarities(
    maps: Mapping[str, list[Tensor]], partners: Mapping[str, NDArray[np.int64]]
) -> dict[str, float]:
    views = {view: torch.cat(parts) for view, parts in maps.items()}
    views["turned back"] = views["mirrored"].flip(3)
    mean = torch.cat([views["plain"], views["mirrored"]]).mean(dim=0)
    rows = {view: torch.flatten(values - mean, 1).double() for view, values in views.items()}
    pairs = {view: (rows["plain"], rows[view]) for view in rows}
    for kind, other in partners.items():
        pairs[kind] = (rows["plain"][other >= 0], rows["plain"][other[other >= 0]])
    # The mean of no pair is NaN.
    return {kind: float(F.cosine_similarity(*pairs[kind]).mean()) for kind in _COMPARISONS}


# Controls: drawn pictures whose answer is known.


def draw_arrow(rng: np.random.Generator, size: int, *, heads: int = 1) -> NDArray[np.uint8]:
    """Draw an arrow that points roughly to the right; with two heads it points both ways.

    Place, length, slant, stroke and colours are distributed alike for left and right, so that they give no
    cue of the direction.

    Args:
        rng: Random numbers.
        size: Height and width in pixels.
        heads: 1, or 2 for a shape whose mirror image is of the same kind.

    Returns:
        (size, size, 3) uint8, RGB.
    """
    fine = size * _FINE
    paper, ink = rng.integers(0, 90, 3), rng.integers(140, 255, 3)
    if rng.random() < 0.5:
        paper, ink = ink, paper
    image = Image.new("RGB", (fine, fine), tuple(paper.tolist()))
    length, stroke = rng.uniform(0.35, 0.6) * fine, rng.uniform(0.03, 0.06) * fine
    angle = np.deg2rad(rng.uniform(-30, 30))
    along = np.array([np.cos(angle), np.sin(angle)])
    middle = fine * (0.5 + rng.uniform(-0.15, 0.15, 2))
    pen = ImageDraw.Draw(image)
    ends = [middle - along * length / 2, middle + along * length / 2]
    pen.line([tuple(end) for end in ends], tuple(ink.tolist()), round(stroke))
    for end, towards in ((ends[1], along), (ends[0], -along))[:heads]:
        across = np.array([-towards[1], towards[0]])
        back = end - towards * 4 * stroke
        corners = [end + towards * stroke, back + across * 2.6 * stroke, back - across * 2.6 * stroke]
        pen.polygon([tuple(corner) for corner in corners], tuple(ink.tolist()))
    small = np.asarray(image.resize((size, size), Image.Resampling.LANCZOS), dtype=np.float64)
    noisy: NDArray[np.uint8] = (small + rng.normal(0, 6, small.shape)).clip(0, 255).astype(np.uint8)
    return noisy


def control_by_arrows(data: StudyData, *, heads: int) -> StepResult:
    """Classify drawn arrows against their mirror images.

    Args:
        data: The backbone; the photos are not used.
        heads: 1: the best possible accuracy is 100 %. 2: it is 50 %.
    """
    rng = np.random.default_rng([data.seed, heads])
    size = data.backbone.preprocessing.size
    pixels = np.stack([draw_arrow(rng, size, heads=heads) for _ in range(sum(ARROWS.values()))])
    ends = np.cumsum([ARROWS[name] for name in SPLITS])[:-1]
    splits: SplitIndices = dict(zip(SPLITS, np.split(np.arange(len(pixels)), ends), strict=True))
    figures: dict[str, Any] = {"known": 1.0 if heads == 1 else 0.5, "accuracies": {}, "intervals": {}}
    for places in (1, GRID):
        both = torch.cat([_drawn_features(data, pixels, places, view) for view in (0, MIRRORED)])
        correct = classify_by_lda(both, splits)
        interval = accuracy_interval(correct, np.tile(splits["test"], 2).tolist())
        figures["accuracies"][str(places)] = float(correct.mean())
        figures["intervals"][str(places)] = interval.pair
    return StepResult(figures)


def _drawn_features(data: StudyData, pixels: NDArray[np.uint8], places: int, view: int) -> Tensor:
    extractor = Extractor(data.backbone, places, Views(), data.device)
    images, names = prepared.InMemoryImages(pixels), [""] * len(pixels)
    rows = features_now(extractor, images, names, view=view, folder=data.cache)
    return torch.from_numpy(rows.astype(np.float32))


# The page.


def _describe(data: StudyData, found: Mapping[str, _Figures]) -> StudyOutcome:
    models = {name: found[name] for name in _MODELS}
    controls = {name: found[f"control-{name}"] for name in _CONTROLS}
    layers: list[_Figures] = found["similarity"]["layers"]
    summary, text = _models_table(models), texts("chirality")
    plots = [_similarity_plot(layers, places) for places in (1, GRID)]
    sections = [
        Section("models", "Photos against their mirror images", text["models"], [summary]),
        Section("why", "Why: how similar a photo and its mirror image are", text["why"], plots),
        Section(
            "control",
            "Drawn controls with a known answer",
            text["control"],
            [_control_table(controls)],
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


def _similarity_plot(layers: Sequence[_Figures], places: int) -> PageImage:
    rows = [layer["means"] for layer in layers if layer["places"] == places]
    where = "4 x 4 places: what is in the photo, and where"
    caption = where if places == GRID else "Averaged over all places: what is in the photo"
    drawing, axes = plots.new_plot(3.6, "layer, from the input", "similarity")
    for kind, (name, colour, line, marker) in _COMPARISONS.items():
        values = [float("nan") if means[kind] is None else means[kind] for means in rows]
        axes.plot(values, color=colour, ls=line, marker=marker, ms=3.5, lw=1.5, label=name)
    axes.set_xticks(range(len(rows)), ["pixels", *map(str, range(1, len(rows)))])
    axes.set_ylim(min(-0.25, *axes.get_ylim()), 1.03)
    plots.add_legend(drawing, loc="outside lower center", ncols=2)
    words = f"Similarity of photos by layer, from the pixels to the last of {len(rows) - 1} layers."
    return PageImage(f"similarity-{places}x{places}", caption, drawing, words)


def _control_table(controls: Mapping[str, _Figures]) -> PageTable:
    rows = [[_CONTROLS[name], percent(one["known"])] for name, one in controls.items()]
    for row, one in zip(rows, controls.values(), strict=True):
        for n in ("1", "4"):
            row.append(f"{percent(one['accuracies'][n])} ({percent_range(*one['intervals'][n])})")
    columns = ["Drawn", "Best possible", "Frozen, 1 x 1 (95 %)", "Frozen, 4 x 4 (95 %)"]
    return PageTable("Accuracy, drawn pictures against their mirror images.", columns, rows)


def _find_cautions(models: Mapping[str, _Figures]) -> list[tuple[str, str]]:
    accuracy, best = models["thumbnail"]["test_accuracy"], _best(models)
    if models["thumbnail"]["test_interval"][0] <= 0.5:
        return []
    share = "all" if accuracy > best - _NEAR else "part"
    text = f"8 x 8 pixels give {percent(accuracy)}: outline, light, place or frame explain {share} of it."
    return [("Fingers are not needed", text)]
