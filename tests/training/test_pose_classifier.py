import numpy as np
import torch
from numpy.typing import NDArray

from handshape.models.hand.pose_classifier import PoseClassifier
from handshape.training.pose_classifier import fit_pose_classifier


def hands_of(classes: list[int], seed: int) -> tuple[torch.Tensor, NDArray[np.int64]]:
    shapes = np.random.default_rng(9).normal(size=(3, 63))
    noise = np.random.default_rng(seed).normal(size=(len(classes), 63))
    return torch.from_numpy((shapes[classes] + 0.4 * noise).astype(np.float32)), np.array(classes)


def test_fit_pose_classifier__classifies_others_and_is_calibrated() -> None:
    head = PoseClassifier(3)
    logits = fit_pose_classifier(head, hands_of([0, 1, 2] * 10, 1), hands_of([0, 1, 2] * 4, 2))
    rows, classes = hands_of([0, 1, 2] * 30, 3)
    predicted = head(rows).detach()
    assert (predicted.argmax(dim=1).numpy() == classes).mean() > 0.95
    assert logits.shape == (12, 3) and (logits.argmax(dim=1).numpy() == [0, 1, 2] * 4).mean() > 0.9
    # Uncalibrated distances in so many dimensions give wrong answers a probability of 1.
    assert float(torch.nn.functional.cross_entropy(predicted, torch.from_numpy(classes))) < 0.3


def test_fit_pose_classifier__validation_is_fitted_to_in_the_end() -> None:
    train, valid = hands_of([0, 1, 2] * 3, 1), hands_of([0, 1, 2] * 3, 2)
    one, other = PoseClassifier(3), PoseClassifier(3)
    first = fit_pose_classifier(one, train, valid)
    second = fit_pose_classifier(other, train, (valid[0].flip(0), valid[1][::-1].copy()))
    torch.testing.assert_close(one.means, other.means)
    torch.testing.assert_close(first.flip(0), second)
    assert not torch.allclose(one(valid[0]), first)


def test_fit_pose_classifier__a_label_that_only_valid_shows() -> None:
    head = PoseClassifier(3)
    logits = fit_pose_classifier(head, hands_of([0, 1] * 5, 1), hands_of([0, 1, 2], 2))
    assert logits.argmax(dim=1).tolist()[:2] == [0, 1] and bool(torch.isfinite(logits).all())


def test_fit_pose_classifier__keeps_the_statistics_of_each_label() -> None:
    train, valid = hands_of([0, 1] * 5, 1), hands_of([0, 1, 1], 2)
    head = PoseClassifier(3)
    fit_pose_classifier(head, train, valid)
    rows, classes = torch.cat([train[0], valid[0]]), np.concatenate([train[1], valid[1]])
    own = rows[classes == 1]
    assert head.label_counts.tolist() == [6, 7, 0]
    torch.testing.assert_close(head.label_means[1], own.mean(dim=0))
    torch.testing.assert_close(head.label_scatter[1], torch.cov(own.T, correction=0) * len(own))
    assert not head.label_scatter[2].any()
