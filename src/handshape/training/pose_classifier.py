"""Fit the pose classifier, and its temperature on people who were left out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from handshape.models.hand.pose_classifier import PoseClassifier
from handshape.training.temperature import likeliest_temperature

# Squared distances in so many dimensions are far too confident. The bounds are for few photos of few labels,
# on which a temperature in the hundreds may be likeliest, with which all hands look alike.
_TEMPERATURES = (1.0, 50.0)
# Where no photo can be held out: the temperature of `asl`, chosen by the people of the strangers benchmark.
_USUAL_TEMPERATURE = 8.0
# Photos are classified in parts of this many, or the distances to all rotated means would fill the memory.
_PART = 256


@dataclass(frozen=True, eq=False)
class Poses:
    """Hands that were found.

    Args:
        rows: (N, 88) float32 landmarks and embedding.
        mirrored: (N, 88) float32, the same for the mirror images of the photos.
        classes: (N,) int64.
    """

    rows: Tensor
    mirrored: Tensor
    classes: NDArray[np.int64]

    def take(self, chosen: NDArray[np.bool_]) -> "Poses":
        """Return some of the hands."""
        return Poses(self.rows[chosen], self.mirrored[chosen], self.classes[chosen])


def fit_pose_classifier(
    pose: PoseClassifier, poses: Poses, held_out: Sequence[NDArray[np.bool_]], shown: Tensor | None = None
) -> Tensor:
    """Fit the pose classifier, with the temperature at which held-out hands are likeliest.

    Args:
        pose: Fitted here to all hands.
        poses: N hands.
        held_out: (N,) bool masks: the hands of each are classified by a fit to all others.
        shown: (N, 88) float32, classified in place of the held-out hands; by default the hands themselves.

    Returns:
        (N, K) logits of the held-out hands at the temperature; 0 for hands that no mask holds out.
    """
    shown = poses.rows if shown is None else shown
    logits = torch.zeros(len(poses.classes), pose.labels)
    known = np.zeros(len(poses.classes), dtype=bool)
    for mask in held_out:
        if len(np.unique(poses.classes[~mask])) < 2:
            continue
        _fit(pose, poses.take(~mask))
        logits[mask] = logits_of(pose, shown[mask])
        # A hand of a label that is held out as a whole cannot be classified correctly.
        known |= mask & np.isin(poses.classes, poses.classes[~mask])
    temperature = _USUAL_TEMPERATURE
    if known.any():
        temperature, _ = likeliest_temperature(logits.numpy()[known], poses.classes[known], _TEMPERATURES)
    _fit(pose, poses, temperature)
    return logits / temperature


def _fit(pose: PoseClassifier, poses: Poses, temperature: float = 1.0) -> None:
    pose.count(poses.rows, poses.mirrored, poses.classes)
    pose.fit(temperature)


@torch.inference_mode()
def logits_of(pose: PoseClassifier, rows: Tensor) -> Tensor:
    """Return the (N, K) logits of (N, 88) hands."""
    return torch.cat([pose(part) for part in torch.split(rows, _PART)])
