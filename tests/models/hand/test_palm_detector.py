import numpy as np
import pytest
import torch

from handshape.models.hand import palm_detector as palm
from handshape.models.hand.hand_finder import load_hand_finder
from handshape.models.hand.palm_detector import PalmNet
from handshape.synthetic.picture import draw_image
from handshape.synthetic.signer import make_signer


@pytest.fixture(scope="module")
def network() -> PalmNet:
    return load_hand_finder().palm


def drawn(label: str, view: tuple[float, float, float] | None = None) -> tuple[torch.Tensor, np.ndarray]:
    """An image, and the mean of the roots of its fingers and its wrist in shares of it."""
    image = draw_image(
        label, make_signer(3, handedness="right"), size=palm.PALM_SIZE, style="room", view=view
    )
    points = image.truth.keypoints[[0, 5, 9, 13, 17]] / palm.PALM_SIZE
    return torch.from_numpy(image.pixels.copy()).permute(2, 0, 1)[None].float() / 255, points.mean(axis=0)


@pytest.mark.parametrize("label", ["B", "D", "I"])
def test_palm_net__lies_over_the_palm(network: PalmNet, label: str) -> None:
    image, middle = drawn(label)
    with torch.inference_mode():
        x, y, side, turned = network(image)[0].tolist()
    assert abs(x - middle[0]) < side / 2 and abs(y - middle[1]) < side / 2
    assert 0.05 < side < 0.8 and abs(turned) < 0.8


def test_palm_net__says_how_the_hand_is_turned(network: PalmNet) -> None:
    with torch.inference_mode():
        image, _ = drawn("B")
        upright = float(network(image)[0, 3])
        clockwise = float(network(image.rot90(-1, (2, 3)))[0, 3])
    assert clockwise - upright == pytest.approx(np.pi / 2, abs=0.3)


def test_palm_net__an_image_without_a_hand_gives_numbers_all_the_same(network: PalmNet) -> None:
    with torch.inference_mode():
        assert network(torch.zeros(2, 3, palm.PALM_SIZE, palm.PALM_SIZE)).isfinite().all()


def test_palm_net__whoever_else_is_looked_at(network: PalmNet) -> None:
    images = torch.cat([drawn(label)[0] for label in "ABC"])
    with torch.inference_mode():
        assert torch.allclose(network(images)[1:2], network(images[1:2]), atol=1e-4)
