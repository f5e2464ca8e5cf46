"""What the report shows, made ready for its page: mistakes, near-twins, sides of the split, plots."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from handshape.data.checks.near_duplicates import Leaks
from handshape.data.data_report import DataReport
from handshape.data.dataset import SPLITS, Dataset
from handshape.data.images.decode import Preprocessing
from handshape.data.images.index import ImageIndex
from handshape.data.images.prepared import read_batch
from handshape.evaluation.evaluation import FitEvaluation, worst_mistakes
from handshape.evaluation.experiment import Experiment
from handshape.evaluation.explain.gradcam import gradcam
from handshape.evaluation.explain.landmark_overlay import draw_landmarks
from handshape.evaluation.metrics import Confusion, Metrics
from handshape.evaluation.report import metric_plots, plots
from handshape.evaluation.report.thumbnails import highlight, thumbnail
from handshape.models.sign_network import SignNetwork

_STEPS = {
    "lda": "shrinkage tried, strongest first",
    "linear": "pass over the training photos, penalties strongest first",
}


@dataclass(frozen=True)
class Mistake:
    """A photo read wrong, with what spoke for the wrong label; pictures are data addresses.

    Args:
        picture: The photo.
        evidence: The photo once more, with what the network saw in it.
        kind: ``places``: bright where it found what spoke for its answer; ``landmarks``: with the hand that
            it found.
        name: Of the photo.
        label: Its own.
        predicted: What it was read as.
        probability: Of that, in [0, 1].
    """

    picture: str
    gradcam: str
    kind: Literal["places", "landmarks"]
    name: str
    label: str
    predicted: str
    probability: float


@dataclass(frozen=True)
class Twins:
    """A test photo and its near-twin in training; pictures are data addresses."""

    tested: str
    trained: str
    names: tuple[str, str]
    label: str
    distance: float


@dataclass(frozen=True)
class Side:
    """One side of the split."""

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
    most: int = 12,
) -> list[Mistake]:
    """Show the worst mistakes of a network.

    Args:
        scan: The data set with its prepared images.
        network: The network, in evaluation mode.
        preprocessing: What its images go through.
        tested: N photos of the data set.
        probabilities: (N, K) float32, what it said of them.
        most: How many photos at most.

    Returns:
        The photos, those that gave their own label the least probability first.
    """
    worst = worst_mistakes(probabilities, tested.classes)[:most]
    if not worst:
        return []
    place = {sample.name: index for index, sample in enumerate(indexed.dataset.samples)}
    samples = [tested.samples[i] for i in worst]
    said, shown = probabilities[worst].argmax(axis=1), tested.classes[worst]
    pixels = read_batch(indexed.images, [place[sample.name] for sample in samples])
    finder = network.hand_finder
    if finder is not None:
        seen = draw_landmarks(finder, pixels)
    else:
        images = preprocessing.normalise(torch.from_numpy(np.ascontiguousarray(pixels)))
        light = gradcam(network, images, torch.from_numpy(said), torch.from_numpy(shown)).numpy()
        seen = [highlight(*one) for one in zip(pixels, light, strict=True)]
    return [
        Mistake(
            thumbnail(pixels[row]),
            thumbnail(seen[row]),
            "places" if finder is None else "landmarks",
            sample.name,
            sample.label,
            tested.labels[said[row]],
            float(probabilities[index, said[row]]),
        )
        for row, (index, sample) in enumerate(zip(worst, samples, strict=True))
    ]


def find_near_copies(indexed: ImageIndex, leaks: Leaks, most: int = 8) -> list[Twins]:
    """Show test photos beside their near-twins in training, the closest first."""
    found, samples = [], indexed.dataset.samples
    for tested, trained, distance in leaks.worst[:most]:
        pictures = [thumbnail(indexed.images[index], 128) for index in (tested, trained)]
        names = samples[tested].name, samples[trained].name
        found.append(Twins(pictures[0], pictures[1], names, samples[tested].label, distance))
    return found


def split_table(data_report: DataReport) -> list[Side]:
    """Count what is on each side of the split; a burst is two or more near-identical photos."""
    dataset = data_report.split.dataset
    where = np.array([sample.split for sample in dataset.samples])
    sides = []
    for name in SPLITS:
        part = dataset.on(name)
        groups = np.unique(data_report.bursts[where == name], return_counts=True)[1]
        labels = sum(count > 0 for count in part.counts().values())
        bursts = int((groups > 1).sum())
        share = len(part) / len(dataset)
        sides.append(Side(name, len(part), share, part.signers, part.sources, labels, bursts))
    return sides


def find_confusions(metrics: Metrics, most: int = 10) -> list[Confusion]:
    """List which label was read as which other one, most often first."""
    labels = list(metrics.labels)
    found = [
        Confusion(labels[true], labels[read], count, count / sum(row))
        for true, row in enumerate(metrics.confusion)
        for read, count in enumerate(row)
        if count and true != read
    ]
    return sorted(found, key=lambda one: (-one.count, -one.share))[:most]


def draw_plots(experiment: Experiment) -> dict[str, str]:
    """Draw every plot of the report, as SVG elements by the name of their file."""
    drawn: dict[str, str] = {}
    for result in experiment.results:
        name = result.fitted.name
        folded = experiment.folds.get(name)
        metrics = folded.metrics if folded else result.metrics
        matrix, labels = np.array(metrics.confusion), tuple(metrics.labels)
        drawn[f"learning-{name}"] = plots.learning_curves(name, result.fitted.history, _step(result))
        drawn[f"confusion-{name}"] = plots.confusion(name, matrix, labels)
        if metrics.signers:
            drawn[f"signers-{name}"] = metric_plots.group_bars("signer", name, metrics.signers)
        if metrics.sources:
            drawn[f"sources-{name}"] = metric_plots.group_bars("source", name, metrics.sources)
        kind = folded.kind if folded else "signer"
        drawn[f"reliability-{name}"] = metric_plots.reliability(
            name, result.calibration, folded.reliability if folded else None, kind
        )
        drawn[f"coverage-{name}"] = metric_plots.coverage(
            name, result.rejection, folded.curve if folded else None, kind
        )
    return drawn


def metrics_by_model(experiment: Experiment) -> dict[str, Metrics]:
    """Return each model's figures: over all signers or sources left out once, else on test."""
    return {
        result.fitted.name: experiment.folds[result.fitted.name].metrics
        if result.fitted.name in experiment.folds
        else result.metrics
        for result in experiment.results
    }


def weakest_labels(metrics: Metrics) -> Sequence[str]:
    """Return the labels, those read worst first and those without a photo last."""
    recalls = {label: figures.recall for label, figures in metrics.labels.items()}
    return sorted(recalls, key=lambda label: (recalls[label] is None, recalls[label] or 0.0))


def _step(result: FitEvaluation) -> str:
    head = result.fitted.config.head
    return _STEPS.get(head.kind if head else "", "pass over the training photos")
