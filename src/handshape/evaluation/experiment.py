"""One experiment: several models on one split of one data set, and all their metrics."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.config.models import MODELS, ModelName
from handshape.config.train import FoldKind
from handshape.data.checks.near_duplicates import find_leaks
from handshape.data.data_report import DataReport
from handshape.data.dataset import Dataset, Ids, SplitIndices
from handshape.data.splits.claim import AccuracyClaim, claim_of_folds
from handshape.data.splits.leave_one_group_out import FoldPlan, leave_one_signer_out, leave_one_source_out
from handshape.data.splits.train_valid_test import split_dataset
from handshape.evaluation.cross_validation import FoldFigures, measure_folds
from handshape.evaluation.evaluation import FitEvaluation, evaluate_fit
from handshape.evaluation.intervals.paired import PairedDifference, compare_paired
from handshape.evaluation.rejection import rejected_share
from handshape.evaluation.shortcuts import ShortcutCheck
from handshape.evaluation.suspect_labels import SuspectLabels
from handshape.features.predict import predict_features
from handshape.synthetic.scene import make_background
from handshape.training.fit import Fitter
from handshape.training.temperature import probabilities_of
from handshape.types import NO_HAND_LABELS

# Drawn rooms without a hand, for measuring how often they are rejected.
_ROOMS = 24


@dataclass(frozen=True)
class RandomSplitCheck:
    """Results of an ordinary random split, in which near-copies are not kept together.

    Args:
        leak_share: Share of test photos with a near-copy in training.
        models: ``valid_accuracy`` and ``test_accuracy`` of each model that fits in seconds.
    """

    leak_share: float
    models: dict[str, dict[str, float]]


@dataclass(frozen=True)
class Experiment:
    """Models on one split, with their metrics.

    Args:
        data_report: The data, its split and findings.
        results: The models on the test photos.
        no_hand_refused: Share of drawn rooms without a hand for which each model answers "unsure".
        folds: Each model with every signer, or source, left out once; empty when that was not asked for.
        paired: Difference between the last and the first model, for two or more models.
        random_split: Results of an ordinary random split, if bursts were kept together in this one.
        suspects: Photos whose label is probably wrong; None where that was not checked.
        shortcuts: Whether labels can be predicted without the hand; None where that was not checked.
    """

    data_report: DataReport
    results: Sequence[FitEvaluation]
    no_hand_refused: dict[str, float]
    folds: dict[str, FoldFigures]
    paired: PairedDifference | None
    random_split: RandomSplitCheck | None
    suspects: SuspectLabels | None = None
    shortcuts: ShortcutCheck | None = None

    @cached_property
    def choice(self) -> "Choice":
        """Which model is saved, and why."""
        valid = self.data_report.split.dataset.split_indices()["valid"]
        signers = [self.data_report.split.dataset.samples[i].signer for i in valid]
        return choose_model(self.results, signers, self.data_report.bursts[valid])

    @cached_property
    def claim(self) -> AccuracyClaim:
        """What the headline may claim: of the folds, if there are any."""
        folded = self.folds.get(self.best.fitted.name)
        if folded is None:
            return self.data_report.claim
        return claim_of_folds(folded.kind, self.data_report.split.dataset.samples, folded.signers_apart)

    @property
    def best(self) -> FitEvaluation:
        """The model that is saved."""
        return self.choice.result

    def to_dict(self) -> dict[str, Any]:
        """Return what ``metrics.json`` holds."""
        split, found = self.data_report.split, self.data_report.leaks
        models = {}
        for result in self.results:
            name = result.fitted.name
            models[name] = {**result.to_dict(), "no_hand_refused": self.no_hand_refused[name]}
        metrics: dict[str, Any] = {
            "split": {
                "kind": split.kind,
                "grouped": split.grouped,
                "cut": split.cut and {"split": split.cut[0], "by": split.cut[1]},
                **split.counts(),
            },
            "claim": self.claim.to_dict(),
            "best": self.best.fitted.name,
            "best_because": self.choice.reason,
            "models": models,
            "data": self.data_report.counts(),
            "leaks": {"near_duplicates_across_splits": found.share, "photos": found.leaking},
            "findings": [
                {"kind": one.kind, "severity": one.severity, "message": one.message}
                for one in self.data_report.findings
            ],
        }
        metrics["without_hand"] = self.shortcuts and self.shortcuts.to_dict()
        metrics["suspect_labels"] = self.suspects and self.suspects.to_dict()
        if self.random_split is not None:
            metrics["leaks"]["without_grouping"] = {
                "near_duplicates_across_splits": self.random_split.leak_share,
                "models": self.random_split.models,
            }
        if self.paired is not None:
            metrics["paired"] = self.paired.to_dict()
        if self.folds:
            metrics["folds"] = {name: figures.to_dict() for name, figures in self.folds.items()}
            best = self.folds[self.best.fitted.name]
            metrics[f"next_{best.kind}"] = best.next_group.to_dict() if best.next_group else None
        return metrics


@dataclass(frozen=True)
class Choice:
    """The model that is saved.

    Args:
        result: The model.
        reason: Why it is that one, in a sentence.
    """

    result: FitEvaluation
    reason: str


def choose_model(
    results: Sequence[FitEvaluation], signers: Sequence[str | None], bursts: NDArray[np.int64]
) -> Choice:
    """Choose the model to save: the preferred one, unless another is clearly better on the validation photos.

    Image features alone may do as well on photos of one studio and still fail with another camera, unlike the
    combined model.

    Args:
        results: The models on one split.
        signers: (M,) signer of each validation photo, None where unknown.
        bursts: (M,) burst of each validation photo.

    Returns:
        The model and the reason. Without a preferred model, the one with the best validation accuracy, and
        among equals the one with the lowest validation loss.
    """
    ranked = sorted(results, key=lambda one: (-one.fitted.valid_accuracy, one.valid_loss))
    first = ranked[0]
    if len(results) == 1:
        return Choice(first, "It was the only model.")
    preferred = next((one for one in results if MODELS[one.fitted.name].preferred), None)
    if preferred is None:
        return Choice(first, "It had the best accuracy on the validation photos.")
    gain = compare_paired(preferred.valid_correct, first.valid_correct, signers, bursts)
    if gain.low > 0:
        points = f"{100 * gain.difference:.1f} points (95 %: {100 * gain.low:.1f} to {100 * gain.high:.1f})"
        name = preferred.fitted.name
        return Choice(
            first, f"On the validation photos its accuracy was {points} higher than that of {name}."
        )
    better = (
        "it had the best accuracy" if first is preferred else "no other model was better by more than chance"
    )
    return Choice(
        preferred,
        "It works best for people and rooms that are not in your photos, and on the validation photos "
        f"{better}.",
    )


def run_experiment(
    data_report: DataReport,
    fitter: Fitter,
    names: Sequence[ModelName],
    *,
    folds: FoldKind,
    fractions: tuple[float, float],
    seed: int,
) -> Experiment:
    """Fit models on a split and evaluate them.

    Args:
        data_report: The data and its split.
        fitter: Fits models on splits of that data.
        names: Models to fit.
        folds: Whether to also leave out each signer, or each source, once.
        fractions: Shares of validation and test, for folds over sources and the ordinary random split.
        seed: Fixes those splits.

    Raises:
        SplitError: The data does not allow these folds.
    """
    dataset = data_report.split.dataset
    plan = plan_folds(folds, dataset, data_report.bursts, valid_fraction=fractions[0], seed=seed)
    results = [
        _evaluated(fitter, name, data_report, dataset.split_indices(), mirrored=True, claim=data_report.claim)
        for name in names
    ]
    folded: dict[str, FoldFigures] = {}
    if plan is not None:
        folded |= {name: _folded(fitter, name, data_report, plan) for name in names}
    return Experiment(
        data_report,
        results,
        {result.fitted.name: _no_hand_refused(result, fitter) for result in results},
        folded,
        _paired(results, data_report) if len(results) > 1 else None,
        _random_split(data_report, fitter, names, fractions, seed) if data_report.split.grouped else None,
    )


def plan_folds(
    folds: FoldKind, dataset: Dataset, bursts: Ids, *, valid_fraction: float, seed: int
) -> FoldPlan | None:
    """Make the splits that leave out each signer, or each source, once; None if ``folds`` is ``none``."""
    if folds == "signers":
        return leave_one_signer_out(dataset)
    if folds == "source":
        return leave_one_source_out(dataset, bursts, valid_fraction=valid_fraction, seed=seed)
    return None


def _evaluated(
    fitter: Fitter,
    name: ModelName,
    data_report: DataReport,
    splits: SplitIndices,
    *,
    mirrored: bool = False,
    claim: AccuracyClaim | None = None,
) -> FitEvaluation:
    valid, tested = (data_report.split.dataset.take(splits[one].tolist()) for one in ("valid", "test"))
    fitted = fitter.fit(name, splits, mirrored=mirrored)
    return evaluate_fit(fitted, valid, tested, data_report.bursts[splits["test"]], claim)


def _folded(fitter: Fitter, name: ModelName, data_report: DataReport, plan: FoldPlan) -> FoldFigures:
    results = [_evaluated(fitter, name, data_report, splits) for splits in plan.folds.values()]
    seconds = sum(result.fitted.seconds["total"] for result in results)
    return measure_folds(results, plan, data_report.bursts, seconds=seconds)


def _no_hand_refused(result: FitEvaluation, fitter: Fitter) -> float:
    network = result.fitted.network.cpu()
    rooms = _empty_rooms(result.fitted.config.preprocessing.size)
    hands = fitter.hands_of(rooms) if network.uses_hand else None
    logits = predict_features(network, result.fitted.config.preprocessing, rooms, hands)
    probabilities = probabilities_of(logits, result.calibration.temperature)
    labels = result.tested.labels
    nothing = next((i for i, label in enumerate(labels) if label.lower() in NO_HAND_LABELS), None)
    return rejected_share(probabilities, result.rejection.threshold, nothing)


@cache
def _empty_rooms(size: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(0)
    return np.stack([make_background("room", size, rng) for _ in range(_ROOMS)])


def _paired(results: Sequence[FitEvaluation], data_report: DataReport) -> PairedDifference:
    tested = data_report.split.dataset.split_indices()["test"]
    signers = [data_report.split.dataset.samples[i].signer for i in tested]
    return compare_paired(results[0].correct, results[-1].correct, signers, data_report.bursts[tested])


def _random_split(
    data_report: DataReport,
    fitter: Fitter,
    names: Sequence[ModelName],
    fractions: tuple[float, float],
    seed: int,
) -> RandomSplitCheck:
    split = split_dataset(
        data_report.indexed.dataset,
        kind="random",
        valid_fraction=fractions[0],
        test_fraction=fractions[1],
        seed=seed,
    )
    # Only models that fit in seconds: training a network again takes minutes and shows the same.
    quick = [name for name in names if MODELS[name].on_cached_features]
    results = [_evaluated(fitter, name, data_report, split.dataset.split_indices()) for name in quick]
    share = find_leaks(data_report.pairs, [sample.split for sample in split.dataset.samples]).share
    return RandomSplitCheck(
        share,
        {
            one.model: {"valid_accuracy": one.fitted.valid_accuracy, "test_accuracy": one.accuracy}
            for one in results
        },
    )
