import numpy as np
import pytest
import torch
from torch import Tensor

from handshape.models.hand.pose_classifier import PoseClassifier, flat, mirror, rotate


def hands(count: int = 3) -> Tensor:
    random = torch.Generator().manual_seed(0)
    made = torch.randn(count, 88, generator=random)
    made[:, :3] = 0  # the wrist
    return made


def fitted(rows: Tensor, handshapes: tuple[int, ...] = (0, 1, 2), temperature: float = 1.0) -> PoseClassifier:
    pose = PoseClassifier(3)
    pose.count(rows, rows, np.array(handshapes))
    pose.fit(temperature)
    return pose.eval()


def turned(rows: Tensor, degrees: float) -> Tensor:
    return torch.cat([rotate(rows[:, :63], degrees), rows[:, 63:]], dim=1)


def flipped(rows: Tensor) -> Tensor:
    return torch.cat([mirror(rows[:, :63]), rows[:, 63:]], dim=1)


@pytest.mark.parametrize("degrees", [-75, -30, 0, 45, 60])
def test_pose_classifier__a_rotated_hand_and_its_mirror_image(degrees: int) -> None:
    pose = fitted(hands())
    plain, moved = pose(hands()), pose(turned(hands(), degrees))
    assert moved.argmax(dim=1).tolist() == [0, 1, 2]
    torch.testing.assert_close(pose(flipped(turned(hands(), degrees))), moved)
    # As likely as the training pose, for every yaw has the same weight.
    torch.testing.assert_close(moved.diagonal(), plain.diagonal(), rtol=0, atol=1.0)


def test_pose_classifier__depth_is_not_compared_and_the_embedding_is() -> None:
    pose, deeper, other = fitted(hands()), hands(), hands()
    deeper[:, 5:63:3] += 1
    other[:, 63:] += 1
    assert torch.equal(pose(deeper), pose(hands()))
    assert bool((pose(other).diagonal() < pose(hands()).diagonal() - 1).all())


def test_pose_classifier__temperature_divides_the_log_densities() -> None:
    off = hands()
    off[:, 3] += 0.3
    drops = [
        (pose(hands()) - pose(off)).diagonal() for pose in (fitted(hands()), fitted(hands(), temperature=9))
    ]
    torch.testing.assert_close(drops[1], drops[0] / 9, rtol=0.2, atol=0.2)


def test_pose_classifier__a_label_without_photos_is_never_predicted() -> None:
    pose = fitted(hands(), (0, 0, 2))
    assert bool((pose(hands())[:, 1] < -1000).all())


def test_pose_classifier__a_label_may_have_several_handshapes() -> None:
    pose, rows = PoseClassifier(2, handshapes=3), hands(6)
    pose.membership[[0, 1, 2], [0, 1, 0]] = torch.tensor([0.0, 0.0, -1.0])
    pose.count(rows, rows, np.array([0, 1, 2, 0, 1, 2]))
    pose.fit()
    assert pose(rows).argmax(dim=1).tolist() == [0, 1, 0, 0, 1, 0]
    assert bool(pose.landmark_scatter.any(dim=2).any(dim=1).all())  # of each label, over its handshapes


def test_pose_classifier__a_hand_that_counts_twice_is_two_hands() -> None:
    twice, weighted, rows = PoseClassifier(2), PoseClassifier(2), hands(4)
    order = [0, 1, 2, 3, 3]
    twice.count(rows[order], rows[order], np.array([0, 1, 0, 1, 1]))
    weighted.count(rows, rows, np.array([0, 1, 0, 1]), np.array([1, 1, 1, 2], dtype=np.float32))
    for name in ("counts", "means", "landmark_scatter", "embedding_scatter"):
        torch.testing.assert_close(getattr(weighted, name), getattr(twice, name))


def test_pose_classifier__a_sign_is_removed_without_the_photos() -> None:
    pose, classes = fitted(hands(6), (0, 1, 2, 0, 1, 2)), np.array([0, 1, 0, 1])
    without = PoseClassifier(2)
    for name in ("counts", "means", "landmark_scatter", "embedding_scatter"):
        getattr(without, name).copy_(getattr(pose, name)[:2])
    without.fit()
    again, rows = PoseClassifier(2), hands(6)[[0, 1, 3, 4]]
    again.count(rows, rows, classes)
    again.fit()
    torch.testing.assert_close(without(hands(6)), again(hands(6)))


def test_pose_classifier__keeps_the_statistics_of_each_handshape() -> None:
    rows, mirrored = hands(5), hands(5).roll(1, dims=0)
    pose = PoseClassifier(3)
    pose.count(rows, mirrored, np.array([0, 1, 1, 1, 0]))
    own, both = rows[1:4, :63], torch.cat([rows[1:4], mirrored[1:4]])[:, 63:]
    assert pose.counts.tolist() == [2, 3, 0]
    torch.testing.assert_close(pose.means[1], torch.cat([own.mean(dim=0), both.mean(dim=0)]))
    torch.testing.assert_close(pose.landmark_scatter[1], torch.cov(own.T, correction=0) * len(own))
    torch.testing.assert_close(pose.embedding_scatter[1], torch.cov(both.T, correction=0) * len(both))


def test_pose_classifier__all_labels_alike_before_fitting() -> None:
    logits = PoseClassifier(4)(hands(2))
    assert len(logits.unique()) == 1


def test_rotate__about_the_vertical_and_seen_from_behind() -> None:
    point = torch.tensor([[1.0, 2.0, 3.0]])
    expected = [[np.cos(0.5) + 3 * np.sin(0.5), 2, 3 * np.cos(0.5) - np.sin(0.5)]]
    assert rotate(point, np.rad2deg(0.5)).tolist()[0] == pytest.approx(expected[0])
    landmarks = hands()[:, :63]
    torch.testing.assert_close(flat(rotate(landmarks, 180)), flat(mirror(landmarks)), rtol=0, atol=1e-5)
