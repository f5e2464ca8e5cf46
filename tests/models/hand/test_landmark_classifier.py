import pytest
import torch

from handshape.models.hand.landmark_classifier import LandmarkClassifier
from handshape.models.hand.pose_classifier import PoseClassifier


@pytest.fixture
def network() -> LandmarkClassifier:
    return LandmarkClassifier(PoseClassifier(3)).eval()


def test_merge__landmarks_of_a_hand_and_the_image_where_there_is_none(network: LandmarkClassifier) -> None:
    network.log_found.copy_(torch.tensor([0.9, 0.9, 0.1]).log())
    network.log_missed.copy_(torch.tensor([0.1, 0.1, 0.9]).log())
    by_pose, by_image = (
        torch.tensor([[2.0, 0.0, 0.0]] * 2),
        torch.tensor([[0.0, 1.0, 0.0]] * 2).log_softmax(1),
    )
    landmarks = torch.stack([torch.ones(88), torch.zeros(88)])
    merged = network.merge(landmarks, by_pose, by_image)
    assert torch.allclose(merged[0], by_pose[0].log_softmax(0) + network.log_found)
    assert torch.allclose(merged[1], by_image[1] + network.log_missed)
    # A label such as `nothing`, whose photos show no hand, is recognised by that.
    assert merged.argmax(dim=1).tolist() == [0, 2]
    alone = network.merge(landmarks, by_pose)
    assert torch.allclose(alone[1].softmax(0), torch.tensor([1 / 11, 1 / 11, 9 / 11]))
