import numpy as np

from handshape.evaluation.explain.landmark_overlay import draw_landmarks
from handshape.models.hand.hand_finder import HandFinder
from handshape.synthetic.picture import draw_image
from handshape.synthetic.signer import make_signer


def test_hands_drawn__lines_over_a_hand_and_none_where_none_was_found() -> None:
    hand = draw_image("B", make_signer(1))
    finder, plain = HandFinder(), np.full_like(hand.pixels, 200)
    over, empty = (draw_landmarks(pixels, finder.find(pixels)) for pixels in (hand.pixels, plain))
    assert over.shape == hand.pixels.shape and over.dtype == np.uint8
    lines = np.all(over == (255, 214, 0), axis=2)
    x0, y0, x1, y1 = hand.truth.box
    assert lines.sum() > 100 and lines[y0:y1, x0:x1].sum() > 0.8 * lines.sum()
    assert np.all(empty == 110)
