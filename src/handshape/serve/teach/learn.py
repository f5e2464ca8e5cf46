"""One training on an album's photos: a head on frozen features, judged by the people in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from handshape.config.train import TrainConfig
from handshape.data.dataset import Dataset, SplitIndices
from handshape.data.images.index import scan_dataset
from handshape.data.io.folder import read_folder
from handshape.data.splits.leave_one_group_out import FoldPlan, leave_one_signer_out
from handshape.evaluation.cross_validation import FoldFigures, measure_folds
from handshape.evaluation.evaluation import FitEvaluation, evaluate_fit
from handshape.training.fit import IMAGE_SIZE, Fitter

_MANY = 10  # people, from whom an average says something about the next one


@dataclass(frozen=True)
class Lesson:
    """What a training came to.

    Args:
        dataset: The photos it learnt from.
        final: The model that learnt from all of them; its figures are of photos that chose its settings.
        folds: Each person read by a model that had not seen them; empty where there is one person.
        figures: Of the folds, or None.
        alone: Share of photos whose sign only one person signs, and that nobody could be tested on.
    """

    dataset: Dataset
    final: FitEvaluation
    folds: tuple[FitEvaluation, ...]
    figures: FoldFigures | None
    alone: float

    @property
    def sentence(self) -> str:
        """The figures as a person says them."""
        return _sentence(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as a bundle holds them."""
        if self.figures is None:
            return {"sentence": self.sentence}
        metrics = self.figures.metrics.to_dict()
        interval = self.figures.interval
        return {
            "sentence": self.sentence,
            "test_accuracy": self.figures.mean,
            "test_interval": [interval.low, interval.high],
            "interval_method": interval.method,
            "interval_scope": interval.scope,
            **{key: metrics[key] for key in ("labels", "signers", "most_confused")},
        }


def learn(folder: Path, signer: str | None, store: Path) -> Lesson:
    """Train on the photos of an album.

    Args:
        folder: The album's folder.
        signer: Regular expression that finds the signer in a path, if any path tells.
        store: The store's folder.

    Returns:
        The lesson.

    Raises:
        DataError: There is no photo that can be read.
    """
    scan = scan_dataset(read_folder(folder, signer=signer), store, size=IMAGE_SIZE)
    dataset, settings = scan.dataset, TrainConfig(data=folder, model="landmarks")
    fitter = Fitter(scan, store, torch.device("cpu"), settings)
    folds, alone = _folds(dataset)

    def judged(sides: SplitIndices) -> FitEvaluation:
        valid, tested = (dataset.take(sides[side].tolist()) for side in ("valid", "test"))
        return evaluate_fit(fitter.fit("landmarks", sides, mirrored=False), valid, tested)

    tested = tuple(judged(sides) for sides in folds)
    figures = measure_folds(tested, FoldPlan("signer", {})) if tested else None
    return Lesson(dataset, judged(_final_sides(dataset)), tested, figures, alone)


def _folds(dataset: Dataset) -> tuple[list[SplitIndices], float]:
    """Return a split for each person left out, and the share of photos that nobody can be tested on."""
    if len(dataset.signers) < 2:
        return [], 1.0
    plans = leave_one_signer_out(dataset).folds if len(dataset.signers) > 2 else _two_folds(dataset)
    classes, alone, folds = dataset.classes, 0, []
    for sides in plans.values():
        learnt = np.concatenate([classes[sides["train"]], classes[sides["valid"]]])
        known = np.isin(classes[sides["test"]], learnt)
        alone += int((~known).sum())
        if known.any():
            folds.append({**sides, "test": sides["test"][known]})
    return folds, alone / len(dataset)


def _two_folds(dataset: Dataset) -> dict[str, SplitIndices]:
    """Let each of two people be read by a model taught by the other alone."""
    who = np.array([sample.signer or "" for sample in dataset.samples])
    return {
        signer: {
            **_halves(dataset.classes, np.flatnonzero(who != signer)),
            "test": np.flatnonzero(who == signer),
        }
        for signer in dataset.signers
    }


def _final_sides(dataset: Dataset) -> SplitIndices:
    """Let the person with the fewest photos choose the settings, if the others show every sign."""
    plans = leave_one_signer_out(dataset).folds if len(dataset.signers) > 2 else {}
    classes = dataset.classes
    for sides in plans.values():
        train = np.concatenate([sides["train"], sides["test"]])
        if set(classes[train]) == set(classes):
            return {"train": np.sort(train), "valid": sides["valid"], "test": sides["valid"]}
    halves = _halves(classes, np.arange(len(classes)))
    return {**halves, "test": halves["valid"]}


def _halves(classes: NDArray[np.int64], indices: NDArray[np.int64]) -> SplitIndices:
    """Split photos in the order they were taken, so that a burst is mostly on one side."""
    first: list[int] = []
    for label in np.unique(classes[indices]):
        own = indices[classes[indices] == label]
        first += own[: (len(own) + 1) // 2].tolist()
    train = np.array(sorted(first), dtype=np.int64)
    return {"train": train, "valid": np.setdiff1d(indices, train)}


def _sentence(lesson: Lesson) -> str:
    people = lesson.dataset.signers
    if lesson.figures is None:
        return _not_known(people)
    shares = {name: figure.accuracy for name, figure in lesson.figures.metrics.signers.items()}
    each = _listed([f"{_percent(share)} of {name}'s" for name, share in shares.items()])
    if len(people) == 2:
        found = f"Taught by one person, it reads the other like this: {each} photos are right."
        found += " Two people are few; with someone new it may go quite differently."
    else:
        found = (
            f"It read {len(people)} people, each by what the others had taught: "
            f"{_percent(lesson.figures.mean)} right on average, worst for {lesson.figures.worst_name} with "
            f"{_percent(lesson.figures.worst)}. Expect about that with someone new."
        )
        if len(people) < _MANY:
            found += f" {len(people)} people are few, so it may go differently."
    if lesson.alone:
        found += (
            f" {_percent(lesson.alone)} of the photos show a sign that one person alone signs; "
            "how well it reads that is not known."
        )
    return found


def _not_known(people: Sequence[str]) -> str:
    if not people:
        return "How well it reads is not known: the photos do not tell who signs."
    return (
        f"How well it reads anyone but {people[0]} is not known: all photos are of one person. "
        "Ask someone else to sign, and train again."
    )


def _percent(share: float) -> str:
    return f"{100 if share == 1 else min(99, round(100 * share))} %"


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
