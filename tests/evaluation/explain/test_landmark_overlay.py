import numpy as np
from torch import nn

from handshape.evaluation.explain.landmark_overlay import finder_of, hands_drawn
from handshape.models.backbones.registry import load_backbone
from handshape.models.hand.hand_finder import Landmarks
from handshape.models.heads import Head, HeadConfig, Pool
from handshape.models.network import FrozenNetwork
from handshape.synthetic.picture import draw_image
from handshape.synthetic.signer import make_signer


def test_hands_drawn__lines_over_a_hand_and_none_where_none_was_found() -> None:
    finder = load_backbone("landmarks").body
    assert isinstance(finder, Landmarks)
    hand = draw_image("B", make_signer(1))
    pixels = np.stack([hand.pixels, np.full_like(hand.pixels, 200)])
    over, empty = hands_drawn(finder, pixels)
    assert over.shape == hand.pixels.shape and over.dtype == np.uint8
    lines = np.all(over == (255, 214, 0), axis=2)
    x0, y0, x1, y1 = hand.truth.box
    assert lines.sum() > 100 and lines[y0:y1, x0:x1].sum() > 0.8 * lines.sum()
    assert np.all(empty == 110)


def test_finder_of__networks_that_read_landmarks() -> None:
    for name, expected in (("landmarks", True), ("handnet", False)):
        backbone = load_backbone(name)
        head = Head(backbone.feature_shape[0], 2, HeadConfig("lda", 1))
        network = FrozenNetwork(backbone, Pool(1, *backbone.feature_shape[1:]), head)
        assert (finder_of(network) is not None) == expected
    assert finder_of(nn.Linear(1, 1)) is None
