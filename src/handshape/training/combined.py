"""Fit image features and hand landmarks together."""

import time
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from handshape.data.dataset import SplitIndices
from handshape.data.images.index import ImageIndex
from handshape.data.images.prepared import read_batch
from handshape.models.combined import CombinedClassifier
from handshape.models.hand.landmark_classifier import LandmarkClassifier
from handshape.models.hand.pose_classifier import PoseClassifier
from handshape.models.sign_network import BackboneClassifier
from handshape.training.datasets import FeatureRows
from handshape.training.fit_result import FitResult
from handshape.training.frozen import FrozenFitter
from handshape.training.landmarks import fit_landmarks
from handshape.training.ood import fit_image_weight, fit_in_distribution
from handshape.types import HandRows

# The least share of hands that shows that right, or left, hands were in the training photos.
_PRESENT = 0.05


class CombinedFitter:
    """Fits combined classifiers on splits of one data set.

    Args:
        index: The data set with its prepared images.
        frozen: Fits the frozen model.
        hands: Of the data set's photos.
    """

    def __init__(self, index: ImageIndex, frozen: FrozenFitter, hands: HandRows) -> None:
        self._frozen, self._hands = frozen, hands
        self._classes, self._labels = index.dataset.classes, len(index.dataset.labels)
        self._signers = [sample.signer for sample in index.dataset.samples]

    def fit(self, splits: SplitIndices, *, mirrored: bool) -> FitResult:
        """Fit on one split.

        Args:
            splits: Indices of the samples in each split.
            mirrored: Whether the mirror images of the test photos are classified, too.
        """
        frozen = self._frozen.fit(splits, mirrored=mirrored)
        image, start = frozen.network, time.perf_counter()
        assert isinstance(image, BackboneClassifier)  # which the frozen model is
        tested = {name: self._tested(name, splits["test"]) for name in frozen.logits if name != "valid"}
        features = time.perf_counter() - start
        train, valid = splits["train"], splits["valid"]
        valid_features = _rows(self._frozen.features_of(valid))
        train_features = _rows(FeatureRows((self._frozen.features(), train)))
        in_distribution = fit_in_distribution(
            train_features, self._classes[train], valid_features, self._labels
        )
        landmarks = LandmarkClassifier(PoseClassifier(self._labels)).eval()
        by_pose = fit_landmarks(landmarks, self._hands, self._classes, splits, self._signers)
        # Both models' logits of the validation photos are from before these were used for fitting.
        by_image = frozen.logits["valid"].log_softmax(dim=1)
        rows = torch.from_numpy(self._hands.rows[valid])
        by_landmarks = landmarks.merge(rows, by_pose[len(train) :], by_image)
        weight, logits = fit_image_weight(
            in_distribution(valid_features), by_image, by_landmarks, self._classes[valid]
        )
        network = CombinedClassifier(image, landmarks, in_distribution, weight).cpu().eval()
        self._set_trained_hands(network, train)
        found = {"valid": logits}
        with torch.inference_mode():
            for name, (some, *hands) in tested.items():
                found[name] = network.classify(some, frozen.logits[name], *hands)
        return replace(
            frozen,
            network=network,
            config=replace(frozen.config, model="combined"),
            logits=found,
            trained_parameters=network.trained_parameters(),
            seconds={"features": frozen.seconds["features"] + features},
        )

    def _tested(self, name: str, indices: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
        """Return features, landmarks and handedness of M photos, all of them from the cache."""
        hands = self._hands.take(indices)
        hands = hands.mirrored() if name == "mirrored" else hands
        features = _rows(self._frozen.features_of(indices, mirrored=name == "mirrored"))
        return features, torch.from_numpy(hands.rows), torch.from_numpy(hands.right_hand)

    def _set_trained_hands(self, network: CombinedClassifier, train: NDArray[np.int64]) -> None:
        hands = self._hands.take(train)
        right_hand = hands.right_hand[hands.found]
        if len(right_hand):
            share = float(right_hand.mean())
            network.trained_hands.copy_(torch.tensor([share >= _PRESENT, 1 - share >= _PRESENT]))


def _rows(features: FeatureRows) -> Tensor:
    """Return (M, C, p, p) float32 features."""
    return read_batch(features, range(len(features)))
