import pytest
import torch
from torch import Tensor, nn

from handshape.models.head import Head
from handshape.models.rooms import ROOMS_HEAD, Familiarity, RoomReader, RoomsConfig


class Colours(nn.Module):
    """Features that are the image itself."""

    def forward(self, images: Tensor) -> Tensor:
        return images


def reader(size: int = 40, glance: int = 32) -> RoomReader:
    head = Head(3, 3, ROOMS_HEAD)
    assert isinstance(head.layers, nn.Linear)
    with torch.no_grad():
        head.layers.weight.copy_(8 * torch.eye(3))
        head.layers.bias.zero_()
    return RoomReader(Colours(), head, RoomsConfig(size, glance, (3, glance, glance))).eval()


def test_room_reader__one_colour_is_read_alike_at_every_glance() -> None:
    red = torch.zeros(2, 3, 56, 56)
    red[:, 0] = 1.0
    expected = torch.log_softmax(torch.tensor([8.0, 0.0, 0.0]), dim=0)
    assert torch.allclose(reader()(red), expected.expand(2, 3), atol=1e-3)


def test_room_reader__probabilities_sum_to_one_whoever_else_is_read() -> None:
    images = torch.rand(5, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    answers = reader()(images)
    assert torch.allclose(answers.exp().sum(dim=1), torch.ones(5), atol=1e-5)
    assert torch.allclose(reader()(images[3:4]), answers[3:4], atol=1e-5)


def test_room_reader__no_label_becomes_impossible() -> None:
    white = torch.full((1, 3, 40, 40), 1000.0)
    white[:, 1:] = 0
    assert torch.isfinite(reader()(white)).all()


@pytest.mark.parametrize("away, least, most", [(0.5, 0.95, 1.0), (1.0, 0.49, 0.51), (2.0, 0.0, 0.04)])
def test_familiarity__falls_beyond_the_bound(away: float, least: float, most: float) -> None:
    measure = Familiarity(4, 2)
    measure.whiten.copy_(torch.eye(4))
    measure.centres.copy_(torch.stack([torch.zeros(4), torch.full((4,), 50.0)]))
    measure.bound.fill_(9.0)
    features = torch.zeros(1, 4, 2, 2)
    features[:, 0] = (9.0 * away) ** 0.5
    assert least <= float(measure(features)) <= most
