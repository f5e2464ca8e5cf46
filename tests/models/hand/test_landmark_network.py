import torch

from handshape.models.hand import landmark_network as landmark_net
from handshape.models.hand.landmark_network import LandmarkNet


def test_landmark_net__what_it_says_of_any_image() -> None:
    torch.manual_seed(0)
    network = LandmarkNet().eval()
    assert 2_600_000 < sum(parameter.numel() for parameter in network.parameters()) < 2_800_000
    with torch.inference_mode():
        points, likely, right = network(torch.rand(3, 3, landmark_net.CROP_SIZE, landmark_net.CROP_SIZE))
    assert points.shape == (3, landmark_net.POINTS, 3) and likely.shape == right.shape == (3,)
    assert bool(((likely >= 0) & (likely <= 1) & (right >= 0) & (right <= 1)).all())
