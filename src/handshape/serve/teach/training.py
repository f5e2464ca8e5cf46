"""Train a recogniser on the photos taken on the page, test it on people it was not trained on, and save it.

All that Teach needs of training and evaluation is imported here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from handshape.bundle import BundleConfig
from handshape.config.train import TrainConfig
from handshape.data.dataset import Dataset, SplitIndices
from handshape.data.images.index import index_images
from handshape.data.io.folder import read_folder
from handshape.data.splits.leave_one_group_out import FoldPlan, leave_one_signer_out
from handshape.evaluation.cross_validation import FoldFigures, measure_folds
from handshape.evaluation.evaluation import FitEvaluation, evaluate_fit, write_predictions
from handshape.features.hand_landmarks import HandCache
from handshape.network_bundle import recogniser_of
from handshape.run import BUNDLE, describe, new_run, write_json
from handshape.training.fit import IMAGE_SIZE, Fitter

_FEW_SIGNERS = 10  # with fewer, the average says little about the next person


@dataclass(frozen=True)
class TeachResult:
    """A trained model with its accuracy.

    Args:
        options: Options of the training.
        dataset: The photos it was trained on.
        final: The model trained on all of them; its own figures are of photos that chose its settings.
        folds: For each signer, a model trained on the others; empty where there is one signer.
        figures: Accuracy over the folds, or None.
        untested: Share of photos that no fold tests, because only one signer signs that sign.
    """

    options: TrainConfig
    dataset: Dataset
    final: FitEvaluation
    folds: tuple[FitEvaluation, ...]
    figures: FoldFigures | None
    untested: float

    @property
    def sentence(self) -> str:
        """The accuracy in words."""
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

    def save(self, out: Path, fingerprint: str, cache: Path) -> None:
        """Save the model as a run, in place of an earlier one.

        Args:
            out: Folder of the run.
            fingerprint: Of the list of photos.
            cache: The cache folder.

        Raises:
            OutputError: The run cannot be written.
        """
        trained_on = {
            "album": fingerprint,
            "split": "signer" if self.folds else "random",
            "signers": list(self.dataset.signers),
            "train": len(self.dataset),
            "valid": 0,
            "test": sum(len(fold.tested) for fold in self.folds),
        }
        fitted, figures = self.final.fitted, self.to_dict()
        temperature, threshold = self.final.calibration.temperature, self.final.rejection.threshold
        config = BundleConfig(
            self.dataset.labels, fitted.config, temperature, threshold, trained_on=trained_on, figures=figures
        )
        with new_run(out, force=True) as folder:
            write_json(folder / "config.json", describe("teach", self.options, fingerprint))
            write_json(folder / "metrics.json", figures)
            write_predictions(folder / "predictions.csv", self.folds)
            recogniser_of(fitted.network, config, cache).save(folder / BUNDLE, self._card())

    def _card(self) -> str:
        labels, people = self.dataset.labels, len(self.dataset.signers)
        return (
            f"# {len(labels)} hand signs: {', '.join(labels)}\n\n"
            f"A handshape recogniser, trained on the page with {len(self.dataset)} photos of "
            f"{people or 'unknown'} {'person' if people == 1 else 'people'}.\n\n{self.sentence}\n\n"
            "Use it with `handshape predict` or `handshape.load(...)`. It predicts one static hand shape in\n"
            "a photo. It does not understand a sign language: movement, place, face and grammar carry\n"
            "meaning that a single hand shape does not have.\n"
        )


def train_on_photos(folder: Path, signer: str | None, cache: Path) -> TeachResult:
    """Train on the photos of a folder.

    Args:
        folder: The photos, in one folder for each label.
        signer: Regular expression that finds the signer in a path, if any path has one.
        cache: The cache; landmarks that are there are not computed again.

    Raises:
        DataError: There is no photo that can be opened.
    """
    dataset = read_folder(folder, signer=signer)
    index = index_images(dataset, cache, size=IMAGE_SIZE, facts=HandCache(cache))
    dataset, options = index.dataset, TrainConfig(data=folder, model="landmarks")
    fitter = Fitter(index, cache, torch.device("cpu"), options)

    def evaluated(split: SplitIndices) -> FitEvaluation:
        valid, test = (dataset.take(split[side].tolist()) for side in ("valid", "test"))
        return evaluate_fit(fitter.fit("landmarks", split, mirrored=False), valid, test)

    splits, untested = _signer_splits(dataset)
    folds = tuple(evaluated(split) for split in splits)
    figures = measure_folds(folds, FoldPlan("signer", {})) if folds else None
    return TeachResult(options, dataset, evaluated(_final_split(dataset)), folds, figures, untested)


def _signer_splits(dataset: Dataset) -> tuple[list[SplitIndices], float]:
    """Return a split for each signer left out, and the share of photos that no split tests."""
    if len(dataset.signers) < 2:
        return [], 1.0
    plans = leave_one_signer_out(dataset).folds if len(dataset.signers) > 2 else _two_signer_folds(dataset)
    classes, untested, splits = dataset.classes, 0, []
    for split in plans.values():
        trained = np.concatenate([classes[split["train"]], classes[split["valid"]]])
        known = np.isin(classes[split["test"]], trained)
        untested += int((~known).sum())
        if known.any():
            splits.append({**split, "test": split["test"][known]})
    return splits, untested / len(dataset)


def _two_signer_folds(dataset: Dataset) -> dict[str, SplitIndices]:
    signers = np.array([sample.signer or "" for sample in dataset.samples])
    return {
        signer: {
            **_halves(dataset.classes, np.flatnonzero(signers != signer)),
            "test": np.flatnonzero(signers == signer),
        }
        for signer in dataset.signers
    }


def _final_split(dataset: Dataset) -> SplitIndices:
    """Validate on the signer with the fewest photos if the others show every sign, else on half of all."""
    plans = leave_one_signer_out(dataset).folds if len(dataset.signers) > 2 else {}
    classes = dataset.classes
    for split in plans.values():
        train = np.concatenate([split["train"], split["test"]])
        if set(classes[train]) == set(classes):
            return {"train": np.sort(train), "valid": split["valid"], "test": split["valid"]}
    halves = _halves(classes, np.arange(len(classes)))
    return {**halves, "test": halves["valid"]}


def _halves(classes: NDArray[np.int64], indices: NDArray[np.int64]) -> SplitIndices:
    """Split photos in the order they were taken, so that most of a burst is on one side."""
    first: list[int] = []
    for label in np.unique(classes[indices]):
        own = indices[classes[indices] == label]
        first += own[: (len(own) + 1) // 2].tolist()
    train = np.array(sorted(first), dtype=np.int64)
    return {"train": train, "valid": np.setdiff1d(indices, train)}


def _sentence(result: TeachResult) -> str:
    signers, figures = result.dataset.signers, result.figures
    if figures is None:
        return _accuracy_unknown(signers)
    if len(signers) == 2:
        shares = {name: figure.accuracy for name, figure in figures.metrics.signers.items()}
        each = " and ".join(f"{_percent(share)} of {name}'s photos" for name, share in shares.items())
        text = (
            f"Trained on one person and tested on the other, it predicted {each} correctly. "
            "Two people are few: its accuracy on someone new may be quite different."
        )
    else:
        text = (
            f"Tested on each of {len(signers)} people after training on the others, it predicted "
            f"{_percent(figures.mean)} of the photos correctly on average, and {_percent(figures.worst)} for "
            f"{figures.worst_name}, the lowest. Expect about the average for someone new."
        )
        if len(signers) < _FEW_SIGNERS:
            text += f" {len(signers)} people are few, so it may be different."
    if result.untested:
        text += (
            f" {_percent(result.untested)} of the photos show a sign that only one person signs: "
            "the accuracy on these is not known."
        )
    return text


def _accuracy_unknown(signers: Sequence[str]) -> str:
    if not signers:
        return "Its accuracy is not known, because the file names do not say who signs."
    return (
        f"Its accuracy on anyone but {signers[0]} is not known: all photos are of one person. "
        "Ask someone else to sign, and train again."
    )


def _percent(share: float) -> str:
    return f"{100 if share == 1 else min(99, round(100 * share))} %"
