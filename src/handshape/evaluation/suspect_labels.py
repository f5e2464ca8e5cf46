"""Photos whose label is probably wrong, by cross-validated predictions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from handshape.data.dataset import Dataset, Ids
from handshape.evaluation.calibration import fit_temperature
from handshape.evaluation.json_result import JsonResult

# A label with fewer photos is too little to say what it looks like.
_FEW = 10
_FOLDS = 5
# Largest probability of the given label. On `studio`, `digits` and `webcam` A-I with 2 % of the labels
# changed, 72 of 95 changed labels are listed, and two others, which are wrong in `digits` itself; as the sets
# are, 4 of 4,768 photos.
_UNLIKELY = 0.05
# Least log-probability, for labels that a fold has no photo of.
_LEAST = -500.0


@dataclass(frozen=True)
class SuspectLabel(JsonResult):
    """A photo whose label is probably wrong.

    Args:
        path: Name of the photo.
        label: Its label.
        probability: Of that label, in [0, 1].
        predicted: The label that it probably shows.
        predicted_probability: Of that one.
    """

    path: str
    label: str
    probability: float
    predicted: str
    predicted_probability: float


@dataclass(frozen=True)
class SuspectLabels(JsonResult):
    """The photos of a data set whose labels are probably wrong, the least probable label first.

    Args:
        checked: Number of photos that were classified by a model that was not trained on them.
        photos: Those whose label is probably wrong.
    """

    checked: int
    photos: tuple[SuspectLabel, ...]


def describe_photos(
    features: NDArray[np.float16] | None, landmarks: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    """Return one row for each of N photos, to find wrong labels with.

    Args:
        features: (N, C, h, w) float16 image features, averaged here over all places; None for none.
        landmarks: (N, 63) float32 hand landmarks; None for none.

    Returns:
        (N, D) float32; D is 0 where neither is given.
    """
    count = len(features) if features is not None else len(landmarks) if landmarks is not None else 0
    rows = [np.empty((count, 0), dtype=np.float32)]
    if features is not None:
        means = features.reshape(count, features.shape[1], -1).mean(axis=2, dtype=np.float32)
        rows.append(np.sqrt(np.maximum(means, 0)))
    if landmarks is not None:
        rows.append(landmarks)
    return np.concatenate(rows, axis=1)


def find_suspect_labels(
    rows: NDArray[np.float32], dataset: Dataset, bursts: Ids, *, seed: int = 0
) -> SuspectLabels | None:
    """Find photos whose label is probably wrong, by confident learning.

    Each photo is classified by linear discriminant analysis of the others, without its burst. A photo is
    listed if another label is at least as probable as it is on average for the photos of that label, and its
    own label has a probability below 0.05.

    Args:
        rows: (N, D) float32, description of each photo.
        dataset: N photos.
        bursts: (N,) burst of each photo.
        seed: Fixes the folds.

    Returns:
        The photos; None where there is nothing to compare: no description, or fewer than two labels with ten
        photos in two bursts.

    Source: Northcutt, Jiang and Chuang, Journal of Artificial Intelligence Research 70 (2021) 1373-1411.
    """
    classes, used = dataset.classes, _enough(dataset.classes, bursts)
    known, own = np.unique(classes[used], return_inverse=True)
    if not rows.shape[1] or len(known) < 2:
        return None
    labels = [dataset.labels[k] for k in known]
    probabilities = _out_of_fold(rows[used], own, bursts[used], seed)
    found = [
        SuspectLabel(
            dataset.samples[used[i]].name,
            labels[own[i]],
            float(probabilities[i, own[i]]),
            labels[other],
            float(probabilities[i, other]),
        )
        for i, other in _doubtful(probabilities, own)
    ]
    return SuspectLabels(len(used), tuple(sorted(found, key=lambda one: one.probability)))


def _enough(classes: Ids, bursts: Ids) -> Ids:
    """Return the photos of labels with enough photos, in two or more bursts."""
    own = [classes == k for k in range(classes.max() + 1)]
    enough = [mask.sum() >= _FEW and len(np.unique(bursts[mask])) > 1 for mask in own]
    return np.flatnonzero(np.array(enough)[classes])


def _out_of_fold(rows: NDArray[np.float32], classes: Ids, bursts: Ids, seed: int) -> NDArray[np.float64]:
    """Return (N, K) calibrated probabilities, each photo's by a model trained without its burst."""
    scores = np.full((len(rows), classes.max() + 1), _LEAST)
    folds = GroupKFold(min(_FOLDS, len(np.unique(bursts))), shuffle=True, random_state=seed)
    for train, test in folds.split(rows, classes, bursts):
        model = make_pipeline(StandardScaler(), LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"))
        model.fit(rows[train], classes[train])
        found = model.predict_log_proba(rows[test])
        scores[np.ix_(test, model.classes_)] = np.maximum(found, _LEAST)
        # A label without training photos in this fold cannot be doubted.
        missing = ~np.isin(classes[test], model.classes_)
        scores[test[missing], classes[test[missing]]] = 0.0
    scores /= fit_temperature(scores, classes)
    likely = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(likely / likely.sum(axis=1, keepdims=True))


def _doubtful(probabilities: NDArray[np.float64], classes: Ids) -> Sequence[tuple[int, int]]:
    """Return each photo whose label is probably wrong, with the class it probably shows."""
    own = probabilities[np.arange(len(classes)), classes]
    usual = np.bincount(classes, own) / np.bincount(classes)
    others = np.where(probabilities >= usual, probabilities, 0.0)
    others[np.arange(len(classes)), classes] = 0.0
    other = others.argmax(axis=1)
    doubtful = (others.max(axis=1) > 0) & (own < _UNLIKELY)
    return [(int(i), int(other[i])) for i in np.flatnonzero(doubtful)]


def write_suspect_labels(path: Path, found: SuspectLabels, excluded: Path | None) -> None:
    """Write the photos as a list for ``--exclude``, with those that the run left out already."""
    earlier = [] if excluded is None else excluded.read_text(encoding="utf-8-sig").splitlines()
    lines = [
        "# Photos whose label is probably wrong. Look at each, remove those whose label is right from this",
        "# list, and give it to --exclude.",
    ]
    for one in found.photos:
        lines += [f"# {one.label}; probably {one.predicted}", one.path]
    if earlier:
        lines += ["# Left out in this run already:", *earlier]
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
