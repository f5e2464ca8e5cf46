"""Content of the report: mistakes, near-copies, the split, plots."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from handshape.data.checks.near_duplicates import Leaks
from handshape.data.data_report import DataReport
from handshape.data.dataset import Dataset, SplitName
from handshape.data.images.decode import Preprocessing, read_image
from handshape.data.images.index import ImageIndex
from handshape.data.images.prepared import read_batch
from handshape.evaluation.evaluation import FitEvaluation, worst_mistakes
from handshape.evaluation.experiment import Experiment
from handshape.evaluation.explain.gradcam import gradcam
from handshape.evaluation.explain.landmark_overlay import draw_landmarks
from handshape.evaluation.metrics import Metrics
from handshape.evaluation.report import metric_plots, plots
from handshape.evaluation.report.thumbnails import highlight, thumbnail
from handshape.evaluation.shortcuts import ShortcutCheck
from handshape.evaluation.suspect_labels import SuspectLabel, SuspectLabels
from handshape.models.hand.hand_finder import HandFinder
from handshape.models.sign_network import SignNetwork

_STEPS = {
    "lda": "shrinkage, strongest first",
    "linear": "epoch, strongest penalty first",
}
TITLES: dict[SplitName, str] = {"train": "training", "valid": "validation", "test": "test"}
"""Names of the splits in prose."""


@dataclass(frozen=True)
class Mistake:
    """A wrong prediction on a photo, with an explanation; images are data URLs.

    Args:
        picture: The photo.
        explanation: The same photo with Grad-CAM, or with the detected hand landmarks.
        kind: ``places`` for Grad-CAM, ``landmarks`` for hand landmarks.
        name: Name of the photo.
        label: True label.
        predicted: Predicted label.
        probability: Probability of the predicted label, in [0, 1].
    """

    picture: str
    explanation: str
    kind: Literal["places", "landmarks"]
    name: str
    label: str
    predicted: str
    probability: float


@dataclass(frozen=True)
class NearCopy:
    """A test photo and its near-copy in training; images are data URLs."""

    tested: str
    trained: str
    names: tuple[str, str]
    label: str
    distance: float


@dataclass(frozen=True)
class SplitRow:
    """What is in one split."""

    name: str
    photos: int
    share: float
    signers: tuple[str, ...]
    sources: tuple[str, ...]
    labels: int
    bursts: int


def find_mistakes(
    indexed: ImageIndex,
    network: SignNetwork,
    preprocessing: Preprocessing,
    tested: Dataset,
    probabilities: NDArray[np.float32],
    bursts: NDArray[np.int64],
    most: int = 12,
) -> list[Mistake]:
    """Return the worst mistakes of a network, of different bursts as far as possible.

    Args:
        indexed: The data set with its prepared images.
        network: The network, in evaluation mode.
        preprocessing: Its preprocessing.
        tested: N photos of the data set.
        probabilities: (N, K) float32, its predictions.
        bursts: (N,) int64, the burst that each photo belongs to.
        most: Largest number of mistakes.
    """
    worst = worst_mistakes(probabilities, tested.classes, bursts)[:most]
    if not worst:
        return []
    position = {sample.name: i for i, sample in enumerate(indexed.dataset.samples)}
    samples = [tested.samples[i] for i in worst]
    predicted, true = probabilities[worst].argmax(axis=1), tested.classes[worst]
    prepared = read_batch(indexed.images, [position[sample.name] for sample in samples])
    photos = list(prepared)
    if network.uses_hand:
        finder = HandFinder()
        photos = [read_image(sample.path) for sample in samples]
        explained = [draw_landmarks(photo, finder.find(photo)) for photo in photos]
    else:
        images = preprocessing.normalise(torch.from_numpy(prepared))
        light = gradcam(network, images, torch.from_numpy(predicted), torch.from_numpy(true)).numpy()
        explained = [highlight(*one) for one in zip(prepared, light, strict=True)]
    return [
        Mistake(
            thumbnail(photos[row]),
            thumbnail(explained[row]),
            "landmarks" if network.uses_hand else "places",
            sample.name,
            sample.label,
            tested.labels[predicted[row]],
            float(probabilities[i, predicted[row]]),
        )
        for row, (i, sample) in enumerate(zip(worst, samples, strict=True))
    ]


def find_near_copies(indexed: ImageIndex, leaks: Leaks, most: int = 8) -> list[NearCopy]:
    """Return test photos with their near-copies in training, the closest first."""
    found, samples = [], indexed.dataset.samples
    for tested, trained, distance in leaks.worst[:most]:
        pictures = [thumbnail(indexed.images[i], 128) for i in (tested, trained)]
        names = samples[tested].name, samples[trained].name
        found.append(NearCopy(pictures[0], pictures[1], names, samples[tested].label, distance))
    return found


def find_suspects(
    indexed: ImageIndex, found: SuspectLabels | None, most: int = 24
) -> list[tuple[str, SuspectLabel]]:
    """Return pictures, as data URLs, of the photos whose labels are most probably wrong."""
    if found is None:
        return []
    position = {sample.name: i for i, sample in enumerate(indexed.dataset.samples)}
    return [
        (thumbnail(read_image(indexed.dataset.samples[position[one.path]].path)), one)
        for one in found.photos[:most]
    ]


def draw_shortcuts(indexed: ImageIndex, found: ShortcutCheck | None) -> list[tuple[str, str, str]]:
    """Return photos, as data URLs, the same in colour where they give labels away, and their labels."""
    drawn = []
    for index, light in found.examples if found else ():
        pixels = indexed.images[index]
        size = pixels.shape[1::-1]
        shine = np.asarray(Image.fromarray(light).resize(size, Image.Resampling.NEAREST))
        label = indexed.dataset.samples[index].label
        drawn.append((thumbnail(pixels), thumbnail(highlight(pixels, np.clip(shine, 0, 1))), label))
    return drawn


def split_table(data_report: DataReport) -> list[SplitRow]:
    """Return one row for each split; a burst is two or more near-duplicates."""
    dataset = data_report.split.dataset
    rows = []
    for name, indices in dataset.split_indices().items():
        part = dataset.on(name)
        groups = np.unique(data_report.bursts[indices], return_counts=True)[1]
        labels = sum(count > 0 for count in part.counts().values())
        bursts = int((groups > 1).sum())
        share = len(part) / len(dataset)
        rows.append(SplitRow(TITLES[name], len(part), share, part.signers, part.sources, labels, bursts))
    return rows


def draw_plots(experiment: Experiment) -> dict[str, str]:
    """Return every plot of the report as an SVG element, by file name."""
    drawn: dict[str, str] = {}
    for result in experiment.results:
        name = result.fitted.name
        folded = experiment.folds.get(name)
        metrics = folded.metrics if folded else result.metrics
        matrix, labels = np.array(metrics.confusion), tuple(metrics.labels)
        drawn[f"learning-{name}"] = plots.learning_curves(name, result.fitted.history, step_of(result))
        drawn[f"confusion-{name}"] = plots.confusion(name, matrix, labels)
        kind = folded.kind if folded else "signer"
        drawn[f"reliability-{name}"] = metric_plots.reliability(
            name, result.calibration, folded.reliability if folded else None, kind
        )
        drawn[f"coverage-{name}"] = metric_plots.coverage(
            name, result.rejection, folded.curve if folded else None, kind
        )
    return drawn


def metrics_by_model(experiment: Experiment) -> dict[str, Metrics]:
    """Return each model's metrics: over all folds if there are any, else on the test photos."""
    return {
        result.fitted.name: experiment.folds[result.fitted.name].metrics
        if result.fitted.name in experiment.folds
        else result.metrics
        for result in experiment.results
    }


def weakest_labels(metrics: Metrics) -> Sequence[str]:
    """Return the labels, the lowest recall first, those without a photo last."""
    recalls = {label: figures.recall for label, figures in metrics.labels.items()}
    return sorted(recalls, key=lambda label: (recalls[label] is None, recalls[label] or 0.0))


def step_of(result: FitEvaluation) -> str:
    """Return what a row of a model's history is, in words."""
    head = result.fitted.config.head
    return _STEPS.get(head.kind if head else "", "epoch")
