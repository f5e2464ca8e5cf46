import pytest
import torch

from handshape.models.combined import InDistribution, combine


@pytest.mark.parametrize("distance, least, most", [(0.5, 0.95, 1.0), (1.0, 0.49, 0.51), (2.0, 0.0, 0.04)])
def test_in_distribution__falls_beyond_the_bound(distance: float, least: float, most: float) -> None:
    detector = InDistribution(4, 2)
    detector.whiten.copy_(torch.eye(4))
    detector.means.copy_(torch.stack([torch.zeros(4), torch.full((4,), 50.0)]))
    detector.bound.fill_(9.0)
    features = torch.zeros(1, 4, 2, 2)
    features[:, 0] = (9.0 * distance) ** 0.5
    assert least <= float(detector(features)) <= most


def test_combine__weights_one_model_or_the_other() -> None:
    by_image, by_landmarks = torch.tensor([[2.0, 0.0]] * 3), torch.tensor([[0.0, 3.0]] * 3)
    found = combine(torch.tensor([0.0, 0.5, 1.0]), by_image, by_landmarks)
    assert torch.allclose(found[0], by_landmarks[0].log_softmax(0))
    assert torch.allclose(found[2], by_image[0].log_softmax(0))
    assert torch.allclose(found[1], (found[0] + found[2]) / 2)
