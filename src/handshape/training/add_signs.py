"""Add signs to a classifier of hand landmarks, by the statistics that it keeps of its own."""

from collections.abc import Sequence

import numpy as np
import torch

from handshape.models.hand.landmark_classifier import LandmarkClassifier
from handshape.models.hand.pose_classifier import PoseClassifier
from handshape.models.hand.pose_fit import NEVER
from handshape.training.landmarks import count_hands
from handshape.types import HandRows


def join_labels(known: Sequence[str], shown: Sequence[str]) -> tuple[str, ...]:
    """Return the labels of a recogniser after signs were added, in class order."""
    return tuple(sorted({*known, *shown}))


@torch.no_grad()
def add_signs(
    base: LandmarkClassifier, known: Sequence[str], hands: HandRows, shown: Sequence[str]
) -> LandmarkClassifier:
    """Return a classifier that knows the signs of a base, and those of some photos.

    Each label of the photos becomes one more handshape: of a new label, or of the label of the base that has
    its name. Means and scatter of the base stay as they are, and the scatter of the photos is added. Photos
    without a hand only count for how often a hand of a new label is found.

    Args:
        base: The classifier; it is not changed.
        known: Its K labels, in class order.
        hands: Of N photos, and of their mirror images.
        shown: N labels of the photos.

    Returns:
        A classifier of the labels of `join_labels`, in evaluation mode.
    """
    labels, taught = join_labels(known, shown), sorted(set(shown))
    classes = np.array([taught.index(label) for label in shown], dtype=np.int64)
    new = LandmarkClassifier(PoseClassifier(len(taught)))
    count_hands(new, hands.found, classes)
    seen = hands.take(np.flatnonzero(hands.found))
    assert seen.mirrored_rows is not None  # HandCache gives them
    rows, mirrored = torch.from_numpy(seen.rows), torch.from_numpy(seen.mirrored_rows)
    new.pose.count(rows, mirrored, classes[hands.found])
    return _joined(base, known, new, taught, labels)


def _joined(
    base: LandmarkClassifier,
    known: Sequence[str],
    new: LandmarkClassifier,
    taught: Sequence[str],
    labels: Sequence[str],
) -> LandmarkClassifier:
    """Return one classifier of the handshapes of two, fitted."""
    pose = PoseClassifier(len(labels), len(base.pose.counts) + len(taught))
    pose.membership.fill_(NEVER)
    pose.counts.copy_(torch.cat([base.pose.counts, new.pose.counts]))
    pose.means.copy_(torch.cat([base.pose.means, new.pose.means]))
    first = 0
    for part, names in ((base.pose, known), (new.pose, taught)):
        places = torch.tensor([labels.index(name) for name in names])
        pose.landmark_scatter.index_add_(0, places, part.landmark_scatter)
        pose.embedding_scatter.index_add_(0, places, part.embedding_scatter)
        pose.membership[first : first + len(part.counts), places] = part.membership
        first += len(part.counts)
    pose.fit(float(base.pose.temperature))
    joined = LandmarkClassifier(pose)
    for name in ("log_found", "log_missed"):
        chances = dict(zip(taught, getattr(new, name), strict=True))
        chances |= dict(zip(known, getattr(base, name), strict=True))  # those of the base stay
        getattr(joined, name).copy_(torch.stack([chances[label] for label in labels]))
    return joined.eval()
