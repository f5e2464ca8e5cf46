import pytest
import torch

from handshape.data.images.decode import Preprocessing
from handshape.models.backbones.registry import load_backbone
from handshape.models.combined import Familiarity, HandReader, shown
from handshape.models.hand.hand_finder import Landmarks
from handshape.models.hand.pose_classifier import HandHead
from handshape.synthetic.picture import draw_image
from handshape.synthetic.signer import make_signer

PREPROCESSING = Preprocessing(224, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4))


@pytest.fixture
def reader() -> HandReader:
    finder = load_backbone("landmarks").body
    assert isinstance(finder, Landmarks)
    return HandReader(finder, HandHead(3), PREPROCESSING).eval()


def photos() -> torch.Tensor:
    """A right hand, its mirror image, and none."""
    hand = torch.from_numpy(draw_image("L", make_signer(2, handedness="right")).pixels.copy())
    return torch.stack([hand, hand.flip(1), torch.zeros_like(hand)])


def test_hand_reader__sees_the_landmarks_that_the_backbone_sees(reader: HandReader) -> None:
    backbone = load_backbone("landmarks")
    with torch.inference_mode():
        hands, right = reader.look(PREPROCESSING.normalise(photos()))
        expected = reader.pool(backbone(backbone.preprocessing.normalise(photos()))).flatten(1)
    assert torch.equal(hands, expected)
    assert shown(hands).tolist() == [True, True, False] and right[:2].tolist() == [True, False]
    assert reader.usual(hands, right).tolist() == [1, 1, 1]


def test_hand_reader__a_side_that_was_not_learned_from(reader: HandReader) -> None:
    reader.sides.copy_(torch.tensor([1.0, 0.0]))
    with torch.inference_mode():
        assert reader.usual(*reader.look(PREPROCESSING.normalise(photos()))).tolist() == [1, 0, 1]


def test_said__landmarks_of_a_hand_and_the_whole_photo_where_there_is_none(reader: HandReader) -> None:
    reader.found.copy_(torch.tensor([0.9, 0.9, 0.1]).log())
    reader.missed.copy_(torch.tensor([0.1, 0.1, 0.9]).log())
    by_hand, own = torch.tensor([[2.0, 0.0, 0.0]]).expand(2, 3), torch.tensor([[0.0, 1.0, 0.0]]).expand(2, 3)
    hands = torch.stack([torch.ones(63), torch.zeros(63)])
    said = reader.said(hands, by_hand, own)
    assert torch.allclose(said[0], by_hand[0].log_softmax(0) + reader.found)
    assert torch.allclose(said[1], own[1].log_softmax(0) + reader.missed)
    # A label such as `nothing`, whose photos show no hand, is read by that.
    assert said.argmax(dim=1).tolist() == [0, 2]


@pytest.mark.parametrize("away, least, most", [(0.5, 0.95, 1.0), (1.0, 0.49, 0.51), (2.0, 0.0, 0.04)])
def test_familiarity__falls_beyond_the_bound(away: float, least: float, most: float) -> None:
    measure = Familiarity(4, 2)
    measure.whiten.copy_(torch.eye(4))
    measure.centres.copy_(torch.stack([torch.zeros(4), torch.full((4,), 50.0)]))
    measure.bound.fill_(9.0)
    features = torch.zeros(1, 4, 2, 2)
    features[:, 0] = (9.0 * away) ** 0.5
    assert least <= float(measure(features)) <= most
