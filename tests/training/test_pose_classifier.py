import numpy as np
import pytest
import torch

from handshape.models.hand.pose_classifier import PoseClassifier
from handshape.training.pose_classifier import Poses, fit_pose_classifier, logits_of


def hands_of(classes: list[int], seed: int, noise: float = 0.4) -> Poses:
    shapes = np.random.default_rng(9).normal(size=(3, 88))
    rows = shapes[classes] + noise * np.random.default_rng(seed).normal(size=(len(classes), 88))
    tensor = torch.from_numpy(rows.astype(np.float32))
    return Poses(tensor, tensor, np.array(classes))


def test_fit_pose_classifier__classifies_others_and_is_calibrated_on_those_left_out() -> None:
    pose, poses = PoseClassifier(3), hands_of([0, 1, 2] * 14, 1, noise=0.9)
    left_out = [np.arange(42) % 3 == part for part in range(3)]  # each without one label
    halves = [np.arange(42) < 21, np.arange(42) >= 21]
    logits = fit_pose_classifier(pose, poses, halves)
    others = hands_of([0, 1, 2] * 30, 3, noise=0.9)
    predicted = logits_of(pose, others.rows)
    assert (predicted.argmax(dim=1).numpy() == others.classes).mean() > 0.95
    assert (logits.argmax(dim=1).numpy() == poses.classes).mean() > 0.9
    # Uncalibrated distances in so many dimensions give wrong answers a probability of 1.
    assert float(torch.nn.functional.cross_entropy(predicted, torch.from_numpy(others.classes))) < 0.3
    assert torch.isfinite(fit_pose_classifier(pose, poses, left_out)).all()


def test_fit_pose_classifier__is_fitted_to_all_hands_in_the_end() -> None:
    poses, first = hands_of([0, 1, 2] * 6, 1), np.arange(18) < 9
    one, other = PoseClassifier(3), PoseClassifier(3)
    logits = fit_pose_classifier(one, poses, [first])
    fit_pose_classifier(other, poses, [~first])
    assert torch.equal(one.means, other.means) and not logits[9:].any() and logits[:9].any(dim=1).all()
    assert not torch.allclose(one(poses.rows[:9]), logits[:9])


def test_fit_pose_classifier__what_is_shown_of_those_left_out() -> None:
    poses, first = hands_of([0, 1, 2] * 6, 1), np.arange(18) < 9
    shown = poses.rows + 0.8 * torch.randn(18, 88, generator=torch.Generator().manual_seed(0))
    plain, harder = (fit_pose_classifier(PoseClassifier(3), poses, [first], some) for some in (None, shown))
    sure = [float(logits[:9].softmax(dim=1).amax(dim=1).mean()) for logits in (plain, harder)]
    assert sure[1] < sure[0]


@pytest.mark.parametrize("left_out", [[], [np.array([False] * 4 + [True])]])
def test_fit_pose_classifier__nobody_to_calibrate_by(left_out: list[np.ndarray]) -> None:
    pose = PoseClassifier(3)
    logits = fit_pose_classifier(pose, hands_of([0, 1, 0, 1, 2], 1), left_out)
    assert bool(torch.isfinite(logits).all())
    assert pose(hands_of([0, 1, 2], 2).rows).argmax(dim=1).tolist() == [0, 1, 2]
