import numpy as np
import torch
from numpy.typing import NDArray

from handshape.data.dataset import SplitIndices
from handshape.models.hand.landmark_classifier import LandmarkClassifier
from handshape.models.hand.pose_classifier import PoseClassifier
from handshape.training.landmarks import fit_landmarks
from handshape.types import HandRows


def hands_of(classes: NDArray[np.int64], seed: int = 0) -> HandRows:
    """Return landmarks of hands that differ by class."""
    chance = np.random.default_rng(seed)
    shapes = np.random.default_rng(9).normal(size=(3, 88))
    return rows_of((shapes[classes] + 0.3 * chance.normal(size=(len(classes), 88))).astype(np.float32))


def rows_of(rows: NDArray[np.float32]) -> HandRows:
    return HandRows(rows, np.ones(len(rows), dtype=bool), rows)


def classifier(labels: int) -> LandmarkClassifier:
    return LandmarkClassifier(PoseClassifier(labels))


def halves(count: int) -> SplitIndices:
    return {"train": np.arange(count // 2), "valid": np.arange(count // 2, count)}


def test_fit_landmarks__photos_without_a_hand_change_no_mean() -> None:
    classes = np.tile(np.arange(3), 8)
    hands = hands_of(classes)
    plain, more = classifier(3), classifier(3)
    fit_landmarks(plain, hands, classes, halves(24), [None] * 24)
    # The same photos, and on either side four of class 2 in which nothing was found.
    none, sides = np.zeros((8, 88), np.float32), halves(24)
    both: SplitIndices = {
        "train": np.append(sides["train"], np.arange(24, 28)),
        "valid": np.append(sides["valid"], np.arange(28, 32)),
    }
    given = rows_of(np.concatenate([hands.rows, none])), np.append(classes, np.full(8, 2))
    logits = fit_landmarks(more, *given, both, [None] * 32)
    assert torch.equal(plain.pose.means, more.pose.means) and bool(more.pose.means.any())
    assert torch.equal(logits[-4:], torch.zeros(4, 3)) and not logits[:16].any()
    # Of 8 photos each of classes 0 and 1 and 16 of class 2, one more of either than there were.
    assert torch.allclose(more.log_missed.exp(), torch.tensor([1 / 10, 1 / 10, 9 / 18]))
    assert torch.allclose(more.log_found.exp(), torch.tensor([9 / 10, 9 / 10, 9 / 18]))


def test_fit_landmarks__validation_is_less_confident_on_augmented_hands() -> None:
    classes = np.tile(np.arange(3), 8)
    hands = hands_of(np.arange(3)).take(classes)  # the same photos over and over, of signs that are alike
    hands = rows_of(hands.rows[:1] + 0.1 * (hands.rows - hands.rows[:1]))
    given = hands, classes, halves(24), [None] * 24
    plain, views = (fit_landmarks(classifier(3), *given, on_augmented=by)[12:] for by in (False, True))
    sure = [float(logits.softmax(dim=1).amax(dim=1).mean()) for logits in (plain, views)]
    assert sure[1] < sure[0] < 1


def test_fit_landmarks__each_of_three_signers_is_left_out() -> None:
    classes = np.tile(np.arange(3), 8)
    hands, signers = hands_of(classes), [f"{index % 4}" for index in range(24)]
    logits = fit_landmarks(classifier(3), hands, classes, halves(24), signers)
    assert bool(logits.any(dim=1).all()) and (logits.argmax(dim=1).numpy() == classes).all()
    # Signers of whom not all are known are not left out: the validation photos are.
    some = fit_landmarks(classifier(3), hands, classes, halves(24), [None, *signers[1:]])
    assert not some[:12].any() and bool(some[12:].any(dim=1).all())


def test_fit_landmarks__hands_of_one_class_fit_nothing() -> None:
    classes = np.tile([0, 1], 6)
    hands = hands_of(classes)
    hands.rows[classes == 1] = 0
    network = classifier(2)
    assert not fit_landmarks(network, hands, classes, halves(12), [None] * 12).any()
    assert len(network.pose(torch.ones(1, 88)).unique()) == 1
    assert torch.allclose(network.log_found.exp(), torch.tensor([7 / 8, 1 / 8]))
