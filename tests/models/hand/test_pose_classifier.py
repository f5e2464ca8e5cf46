import numpy as np
import pytest
import torch
from torch import Tensor

from handshape.models.hand.pose_classifier import PoseClassifier, flat, mirror, rotate


def hands(count: int = 3) -> Tensor:
    random = torch.Generator().manual_seed(0)
    made = torch.randn(count, 63, generator=random)
    made[:, :3] = 0  # the wrist
    return made


def fitted(means: Tensor, absent: tuple[int, ...] = ()) -> PoseClassifier:
    head = PoseClassifier(len(means))
    missing = torch.zeros(len(means), dtype=torch.bool)
    missing[list(absent)] = True
    head.set_parameters(means, missing, 0.01 * torch.eye(42, dtype=torch.float64))
    return head.eval()


@pytest.mark.parametrize("degrees", [-75, -30, 0, 45, 60])
def test_pose_classifier__a_rotated_hand_and_its_mirror_image(degrees: int) -> None:
    head = fitted(hands())
    plain, moved = head(hands()), head(rotate(hands(), degrees))
    assert moved.argmax(dim=1).tolist() == [0, 1, 2]
    torch.testing.assert_close(head(mirror(rotate(hands(), degrees))), moved)
    # As likely as the training pose, for every yaw has the same weight.
    torch.testing.assert_close(moved.diagonal(), plain.diagonal(), rtol=0, atol=0.2)


def test_pose_classifier__log_density_falls_with_the_squared_distance() -> None:
    head = fitted(hands())
    off = hands()
    off[:, 3] += 0.3  # three deviations
    assert torch.allclose(head(hands()).diagonal() - head(off).diagonal(), torch.tensor(4.5), atol=0.2)
    head.apply_temperature(9.0)
    assert torch.allclose(head(hands()).diagonal() - head(off).diagonal(), torch.tensor(0.5), atol=0.2)


def test_pose_classifier__depth_is_not_compared() -> None:
    head, deeper = fitted(hands()), hands()
    deeper[:, 5::3] += 1
    assert torch.equal(head(deeper), head(hands()))


def test_pose_classifier__a_label_without_photos_is_never_predicted() -> None:
    head = fitted(hands(), absent=(1,))
    assert head(hands(2)).argmax(dim=1).tolist()[0] == 0
    assert bool((head(hands())[:, 1] < -1000).all())


def test_pose_classifier__all_labels_alike_before_fitting() -> None:
    assert len(PoseClassifier(4)(hands(2)).unique()) == 1


def test_rotate__about_the_vertical_and_seen_from_behind() -> None:
    point = torch.tensor([[1.0, 2.0, 3.0]])
    expected = [[np.cos(0.5) + 3 * np.sin(0.5), 2, 3 * np.cos(0.5) - np.sin(0.5)]]
    assert rotate(point, np.rad2deg(0.5)).tolist()[0] == pytest.approx(expected[0])
    behind = rotate(hands(), 180)
    torch.testing.assert_close(flat(behind), flat(mirror(hands())), rtol=0, atol=1e-5)
