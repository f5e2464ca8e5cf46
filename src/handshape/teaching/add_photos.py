"""Add the signs of photos to a recogniser of hand landmarks, and measure them on each person left out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from handshape.bundle import BundleConfig
from handshape.config.models import MODELS
from handshape.data.dataset import SplitIndices
from handshape.data.images.decode import Preprocessing
from handshape.data.images.index import ImageIndex
from handshape.data.io.labels import check_told_apart
from handshape.data.splits.leave_one_group_out import FoldPlan
from handshape.errors import BundleError
from handshape.evaluation.cross_validation import measure_folds
from handshape.evaluation.evaluation import Evaluation, evaluate_predictions
from handshape.features.hand_landmarks import HandCache
from handshape.models.combined import CombinedClassifier
from handshape.models.hand.landmark_classifier import LandmarkClassifier
from handshape.models.network_config import NetworkConfig
from handshape.network_bundle import network_of, recogniser_of
from handshape.recogniser import Recogniser
from handshape.teaching.left_out import leave_signers_out
from handshape.teaching.taught_signs import TaughtSigns, teach
from handshape.training.add_signs import add_signs, join_labels
from handshape.training.temperature import probabilities_of
from handshape.types import HandRows


def check_takes_signs(recogniser: Recogniser) -> None:
    """Check that signs can be added to a recogniser.

    Raises:
        BundleError: It does not classify hand landmarks.
    """
    if MODELS[recogniser.config.network.model].hand_landmarks:
        return
    raise BundleError(
        f"signs cannot be added to a recogniser of the model {recogniser.config.network.model!r}",
        "one that uses hand landmarks: asl, landmarks or combined",
        "train all signs together with `handshape train`",
    )


def add_photos(base: Recogniser, index: ImageIndex, cache: Path) -> TaughtSigns:
    """Add the signs of photos to a recogniser.

    Args:
        base: The recogniser; of a combined one its landmark classifier.
        index: The photos.
        cache: The cache folder; landmarks that are there are not computed again.

    Returns:
        The recogniser with the signs, and its accuracy on each person left out.

    Raises:
        BundleError: The recogniser has no landmark classifier, or is damaged.
        DataError: A sign differs from another only in case or Unicode form.
    """
    landmarks, dataset = _landmarks_of(base), index.dataset
    hands = HandCache(cache).rows(index.digests, [sample.path for sample in dataset.samples])
    shown = np.array([sample.label for sample in dataset.samples])
    labels = join_labels(base.labels, dataset.labels)
    check_told_apart(labels)
    splits, untested = leave_signers_out(dataset, base.labels)
    # The temperature of a combined recogniser is that of both its parts together.
    temperature = base.config.temperature if base.config.network.model == "landmarks" else 1.0

    def tested(split: SplitIndices) -> Evaluation:
        taught, test = np.concatenate([split["train"], split["valid"]]), split["test"]
        names = shown[taught].tolist()
        network = add_signs(landmarks, base.labels, hands.take(taught), names)
        # A label that nobody else shows is not among its labels.
        columns = [labels.index(label) for label in join_labels(base.labels, names)]
        probabilities = np.zeros((len(test), len(labels)), dtype=np.float32)
        probabilities[:, columns] = probabilities_of(_classify(network, hands.take(test)), temperature)
        photos = replace(dataset.take(test.tolist()), labels=labels)
        return evaluate_predictions("landmarks", photos, probabilities, base.config.threshold)

    folds = tuple(tested(split) for split in splits)
    figures = measure_folds(folds, FoldPlan("signer", {})) if folds else None
    network = add_signs(landmarks, base.labels, hands, shown.tolist())
    kind = NetworkConfig("landmarks", len(labels), Preprocessing(), handshapes=len(network.pose.counts))
    config = BundleConfig(labels, kind, temperature, base.config.threshold)
    return teach(recogniser_of(network, config, cache), index, folds, figures, untested, base)


def _landmarks_of(recogniser: Recogniser) -> LandmarkClassifier:
    check_takes_signs(recogniser)
    network = network_of(recogniser)
    if isinstance(network, CombinedClassifier):
        return network.landmarks
    assert isinstance(network, LandmarkClassifier)  # the other model of hand landmarks
    return network


@torch.inference_mode()
def _classify(network: LandmarkClassifier, hands: HandRows) -> NDArray[np.float32]:
    # In parts: the distances to all rotated means of many photos would fill the memory.
    parts = torch.split(torch.from_numpy(hands.rows), 256)
    return torch.cat([network.classify(part) for part in parts]).numpy()
