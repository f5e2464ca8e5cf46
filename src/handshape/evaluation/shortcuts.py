"""Whether labels can be predicted without the hand: from a wall, a sleeve, a border, the light or writing.

Each photo is cut into blocks. A block is looked at in the photos whose hand, with a margin, is outside it; a
further block lies beyond the wrist, along the arm. From one block at a time, labels of held-out groups are
predicted. Where the hand is, and how large, is no shortcut but may go with what is visible: so a block must
also add to what the size and place of the hand's box predict for the same photos.
"""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold
from threadpoolctl import threadpool_limits

from handshape.config.train import FoldKind
from handshape.data.checks.finding import Finding
from handshape.data.data_report import DataReport
from handshape.data.dataset import Dataset, Ids
from handshape.data.images.index import ImageIndex
from handshape.data.images.prepared import read_batch
from handshape.evaluation.intervals.accuracy import accuracy_interval
from handshape.evaluation.intervals.paired import compare_paired
from handshape.evaluation.json_result import JsonResult
from handshape.evaluation.photo_regions import CELLS_ACROSS, at_side, regions_of

_MOST, _FEWEST = 500, 60
# A block is looked at if it is visible in this share of the photos, and in 60 at least.
_VISIBLE = 0.25
_FOLDS = 5
# The best of some 50 parts counts, so its distance from chance must be twice what the 95 % interval asks for.
_SURE = 2.0
# Least gain over chance that is worth a finding.
_WORTH = 0.1
# Share of what chance leaves from which the measured accuracy means little.
_SERIOUS = 0.3
_RIDGE = 0.3
_EXAMPLES = 4


@dataclass(frozen=True)
class Region(JsonResult):
    """A part of the photos, and how well it alone predicts their labels.

    Args:
        name: Where it is, in words.
        place: Row and column of its block, from the upper left; None for the arm.
        photos: Number of photos in which it is visible.
        accuracy: Of labels predicted from it alone, for groups that were held out.
        chance: Share of the most frequent label among these photos.
        hand_box: Accuracy from the size and place of the hand's box alone.
        with_hand_box: Accuracy from the region and the hand's box.
        found: Whether it predicts labels: better than chance, and adding to the hand's box.
    """

    name: str
    place: tuple[int, int] | None
    photos: int
    accuracy: float
    chance: float
    hand_box: float
    with_hand_box: float
    found: bool

    @property
    def gain(self) -> float:
        """Share of what chance leaves that is classified correctly."""
        return (self.accuracy - self.chance) / (1 - self.chance)


@dataclass(frozen=True)
class ShortcutCheck(JsonResult):
    """What each region predicts of the labels, without the hand.

    Args:
        photos: Number of photos that were looked at.
        groups: What was held out, in words: signers or bursts.
        regions: Every region that is visible in enough photos.
        seconds: How long it took.
        examples: Indices of photos of several labels, each with (28, 28) float32 in [0, 1], 1 where labels
            can be predicted best; empty where they cannot.
    """

    photos: int
    groups: str
    regions: tuple[Region, ...]
    seconds: float
    examples: tuple[tuple[int, NDArray[np.float32]], ...] = ()

    @property
    def worst(self) -> Region | None:
        """The region that predicts labels best; None if none does."""
        found = [one for one in self.regions if one.found]
        return max(found, key=lambda one: one.gain, default=None)

    @property
    def everywhere(self) -> bool:
        """Whether most regions predict labels."""
        return 2 * sum(one.found for one in self.regions) > len(self.regions)

    def finding(self) -> Finding | None:
        """Return the finding for the data report; None if labels cannot be predicted without the hand."""
        worst = self.worst
        if worst is None:
            return None
        more = "; most other parts of the background do as well" if self.everywhere else ""
        return Finding(
            "background_gives_label_away",
            "serious" if worst.gain > _SERIOUS else "warning",
            f"Labels can be predicted without the hand. From {worst.name} alone, "
            f"{100 * worst.accuracy:.0f} % of {worst.photos:,} photos were classified correctly, with their "
            f"{self.groups} held out (chance: {100 * worst.chance:.0f} %){more}. A model can learn that "
            "instead of the sign. Take photos of all signs in the same places, light and clothes.",
            1.0,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as JSON types."""
        found = {**super().to_dict(), "found": self.worst is not None}
        del found["examples"]
        return found


def choose_photos(dataset: Dataset, found: NDArray[np.bool_], *, seed: int = 0) -> Ids:
    """Return up to 500 photos whose hand was found, as many of each label as possible, in their order."""
    order = np.random.default_rng(seed).permutation(np.flatnonzero(found))
    classes = dataset.classes[order]
    rank = np.empty(len(order), dtype=np.int64)
    for label in np.unique(classes):
        rank[classes == label] = np.arange((classes == label).sum())
    return np.sort(order[np.argsort(rank, kind="stable")[:_MOST]])


def check_shortcuts(
    indexed: ImageIndex, points: NDArray[np.float32], groups: Ids, kind: str, *, seed: int = 0
) -> ShortcutCheck | None:
    """Predict labels without the hand.

    Args:
        indexed: N photos.
        points: (N, 21, 3) float32 hand landmarks in shares of each photo's longer side; 0 without a hand.
        groups: (N,) int64, what is held out together: signers or bursts.
        kind: What they are, in words.
        seed: Fixes the choice of photos and the folds.

    Returns:
        The figures; None with fewer than 60 photos of hands, or fewer than two groups.
    """
    start = time.perf_counter()
    chosen = choose_photos(indexed.dataset, np.asarray(points.any(axis=(1, 2))), seed=seed)
    groups = groups[chosen]
    if len(chosen) < _FEWEST or len(np.unique(groups)) < 2:
        return None
    sides = np.array([(indexed.stats[i].width, indexed.stats[i].height) for i in chosen], dtype=np.float32)
    # In shares of width and height.
    hands = points[chosen, :, :2] * (sides.max(axis=1, keepdims=True) / sides)[:, None]
    classes = np.unique(indexed.dataset.classes[chosen], return_inverse=True)[1]
    photos = np.stack([at_side(one) for one in read_batch(indexed.images, chosen)])
    low, high = hands.min(axis=1), hands.max(axis=1)
    box = _with_products(np.concatenate([(low + high) / 2, high - low], axis=1))
    regions, shown = list[Region](), np.zeros((len(chosen), CELLS_ACROSS, CELLS_ACROSS), dtype=np.float32)
    with threadpool_limits(1):  # several threads take ten times as long for matrices this small
        for name, place, rows, seen in regions_of(photos, hands):
            visible = np.flatnonzero(seen.any(axis=(1, 2)))
            if len(visible) < max(_FEWEST, _VISIBLE * len(chosen)) or len(np.unique(groups[visible])) < 2:
                continue
            given = rows[visible], box[visible], classes[visible], groups[visible]
            regions.append(_measure(name, place, *given, seed))
            if regions[-1].found:
                shown = np.maximum(shown, regions[-1].gain * seen)
    shown /= max(float(shown.max()), 1e-6)
    examples = _examples(shown, classes)
    return ShortcutCheck(
        len(chosen),
        kind,
        tuple(regions),
        time.perf_counter() - start,
        tuple((int(chosen[i]), shown[i]) for i in examples),
    )


def held_out_groups(data_report: DataReport, folds: FoldKind) -> tuple[Ids, str]:
    """Return what is held out together, (N,) int64, and its name: what the accuracy is for."""
    samples = data_report.split.dataset.samples
    if folds == "source":
        known, kind = [one.source for one in samples], "sources"
    elif folds == "signers" or data_report.claim.new_signers:
        known, kind = [one.signer for one in samples], "signers"
    else:
        known, kind = [None] * len(samples), "bursts"
    names = [
        f"burst {burst}" if one is None else f"known {one}"
        for one, burst in zip(known, data_report.bursts, strict=True)
    ]
    return np.unique(names, return_inverse=True)[1], kind


def _examples(shown: NDArray[np.float32], classes: Ids) -> list[int]:
    """Return the photos of some labels in which most of the regions that predict labels are visible."""
    amount = shown.sum(axis=(1, 2))
    best = [
        int(np.flatnonzero(classes == k)[amount[classes == k].argmax()]) for k in range(classes.max() + 1)
    ]
    return [i for i in best if amount[i] > 0][:_EXAMPLES]


def _with_products(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    first, second = np.triu_indices(rows.shape[1])
    return np.concatenate([rows, rows[:, first] * rows[:, second]], axis=1)


def _measure(
    name: str,
    place: tuple[int, int] | None,
    rows: NDArray[np.float32],
    box: NDArray[np.float32],
    classes: Ids,
    groups: Ids,
    seed: int,
) -> Region:
    both = np.concatenate([rows, box], axis=1)
    alone, by_box, by_both = (_out_of_fold(one, classes, groups, seed) for one in (rows, box, both))
    accuracy, chance = float(alone.mean()), float(np.bincount(classes).max() / len(classes))
    # Photos of one sign by one signer are usually taken together, so what is visible in them is alike.
    takes = groups * (classes.max() + 1) + classes
    by_chance = accuracy - _SURE * (accuracy - accuracy_interval(alone, None, takes).low) <= chance
    by_place = compare_paired(by_box, by_both, None, takes).low <= 0
    return Region(
        name,
        place,
        len(classes),
        accuracy,
        chance,
        float(by_box.mean()),
        float(by_both.mean()),
        not by_chance and not by_place and accuracy - chance > _WORTH,
    )


def _out_of_fold(rows: NDArray[np.float32], classes: Ids, groups: Ids, seed: int) -> NDArray[np.bool_]:
    """Return whether each photo is classified correctly by a model that was fitted without its group."""
    correct = np.zeros(len(rows), dtype=np.bool_)
    folds = GroupKFold(min(_FOLDS, len(np.unique(groups))), shuffle=True, random_state=seed)
    for train, test in folds.split(rows, classes, groups):
        correct[test] = _predict(rows[train], classes[train], rows[test]) == classes[test]
    return correct


def _predict(train: NDArray[np.float32], classes: Ids, test: NDArray[np.float32]) -> Ids:
    """Classify by linear discriminant analysis with a fixed shrinkage.

    scikit-learn's takes 20 times as long for so few photos, and this is done hundreds of times.
    """
    mean, deviation = train.mean(axis=0), train.std(axis=0) + 1e-3
    train, test = (train - mean) / deviation, (test - mean) / deviation
    labels, own = np.unique(classes, return_inverse=True)
    member = np.eye(len(labels), dtype=np.float32)[own]
    means = member.T @ train / member.sum(axis=0)[:, None]
    inner = train - means[own]
    covariance = inner.T @ inner / len(train)
    ridge = _RIDGE * np.trace(covariance) / len(covariance) + 1e-4
    weights = np.linalg.solve(covariance + ridge * np.eye(len(covariance), dtype=np.float32), means.T)
    scores = test @ weights - 0.5 * (means.T * weights).sum(axis=0)
    return np.asarray(labels[scores.argmax(axis=1)], dtype=np.int64)
