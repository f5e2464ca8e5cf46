import numpy as np
import pytest
import torch
from torch import Tensor

from handshape.models.hand.hand_finder import LANDMARK_WIDTH, HandFinder, cut, load_hand_finder
from handshape.synthetic.picture import DrawnImage, draw_image
from handshape.synthetic.signer import make_signer

LABELS = "BDFILWY"


@pytest.fixture(scope="module")
def finder() -> HandFinder:
    return load_hand_finder()


def drawn(label: str, handedness: str = "right", style: str = "room") -> DrawnImage:
    return draw_image(label, make_signer(4, handedness=handedness), style=style, variation=0.3)  # type: ignore[arg-type]


def tensor(*images: DrawnImage) -> Tensor:
    return torch.stack([torch.from_numpy(one.pixels.copy()).permute(2, 0, 1).float() / 255 for one in images])


@pytest.fixture(scope="module")
def hands() -> Tensor:
    return tensor(*(drawn(label) for label in LABELS))


def test_find__landmarks_lie_on_the_joints_that_were_drawn(finder: HandFinder) -> None:
    images = [drawn(label, style=style) for label in LABELS for style in ("studio", "room", "outdoor")]
    with torch.inference_mode():
        found = finder.find(tensor(*images))
    assert float(found.found.float().mean()) > 0.9
    errors = []
    for number, image in enumerate(images):
        if found.found[number]:
            away = np.linalg.norm(found.points[number, :, :2].numpy() * 224 - image.truth.keypoints, axis=1)
            x0, y0, x1, y1 = image.truth.box
            errors.append(away.mean() / max(x1 - x0, y1 - y0))
    # In shares of the hand; a drawn wrist or root of a finger is not quite where people's are.
    assert np.median(errors) < 0.1


def test_find__no_hand_in_rooms_and_noise(finder: HandFinder) -> None:
    chance = torch.Generator().manual_seed(0)
    noise = torch.rand(2, 3, 224, 224, generator=chance)
    blocks = torch.rand(2, 3, 7, 7, generator=chance).repeat_interleave(32, 2).repeat_interleave(32, 3)
    with torch.inference_mode():
        found = finder.find(torch.cat([noise, blocks, torch.zeros(1, 3, 224, 224)]))
    assert not found.found.any()


def test_find__which_hand_it_is(finder: HandFinder, hands: Tensor) -> None:
    with torch.inference_mode():
        right, left = finder.find(hands).right_hand, finder.find(hands.flip(3)).right_hand
    assert float((right > 0.5).float().mean()) > 0.8 and float((left < 0.5).float().mean()) > 0.8


def test_hand_finder__a_hand_anywhere_and_its_mirror_image_are_the_same_hand(
    finder: HandFinder, hands: Tensor
) -> None:
    smaller = cut(hands, torch.tensor([[0.4, 0.55, 1.5, 0.0]]).expand(len(hands), 4), 224)
    with torch.inference_mode():
        plain, moved, mirrored = (
            finder(images)[:, :LANDMARK_WIDTH].flatten(1) for images in (hands, smaller, hands.flip(3))
        )
        others = torch.cdist(plain, plain) + 100 * torch.eye(len(plain))
    for same in (moved, mirrored):
        away = (plain - same).norm(dim=1)
        # Nearer than any other sign, for most: the smaller hand is a coarser picture.
        assert float((away < others.amin(dim=1)).float().mean()) > 0.7


def test_hand_finder__zeros_where_no_hand_is_found(finder: HandFinder) -> None:
    with torch.inference_mode():
        assert not finder(torch.zeros(2, 3, 224, 224))[:, :LANDMARK_WIDTH].any()


def test_hand_finder__rows_say_which_hand_it_is(finder: HandFinder, hands: Tensor) -> None:
    both = torch.cat([hands[:4], hands[:4].flip(3)])
    with torch.inference_mode():
        rows, found = finder(both), finder.find(both)
    assert rows[:, LANDMARK_WIDTH].flatten().tolist() == (found.right_hand > 0.5).float().tolist()
    assert rows[:, LANDMARK_WIDTH].mean() not in (0, 1)


def test_hand_finder__other_photos_of_the_batch_do_not_matter(finder: HandFinder, hands: Tensor) -> None:
    with torch.inference_mode():
        together, alone = finder(hands), finder(hands[2:3])
    assert together.shape == (len(LABELS), LANDMARK_WIDTH + 1, 1, 1)
    assert torch.allclose(together[2:3], alone, atol=2e-3)


def test_cut__a_turned_square() -> None:
    image = torch.zeros(1, 3, 8, 8)
    image[:, :, 1, 2] = 1.0  # row 1, column 2
    turned = cut(image, torch.tensor([[0.5, 0.5, 1.0, np.pi / 2]]), 8)
    # What was to the right lies above now: row 8 - 1 - 2, column 1.
    assert turned[0, 0].argmax() == 5 * 8 + 1 and float(turned.max()) == pytest.approx(1.0, abs=1e-4)
    outside = cut(image + 1, torch.tensor([[0.5, 0.5, 2.0, 0.0]]), 8)
    assert float(outside[0, 0, 0, 0]) == 0 and float(outside[0, 0, 4, 4]) > 0
