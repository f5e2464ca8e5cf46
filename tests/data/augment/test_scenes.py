import numpy as np
import pytest
import torch

from handshape.data.augment.scenes import CutOut, cut_hands, in_scenes, make_rooms, place_hands
from handshape.data.drawn.picture import draw_image
from handshape.data.drawn.signer import make_signer


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def hands() -> CutOut:
    photos = [draw_image("B", make_signer(1, 5), seed=5, index=i, size=128).pixels for i in range(6)]
    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    found, kept = cut_hands(np.stack([*photos, noise]))
    assert not kept[-1] and kept.sum() == len(found) >= 4
    return found


def test_cut_hands__the_box_holds_the_hand_and_the_arm_begins_at_its_lower_end(hands: CutOut) -> None:
    for number in range(len(hands)):
        rows, columns = torch.nonzero(hands.pixels[number, 3] > 128, as_tuple=True)
        edges = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert hands.boxes[number].tolist() == [float(edge) for edge in edges]
        middle, width, low = hands.wrists[number].tolist()
        assert low == rows.max() and columns.min() <= middle <= columns.max() and width >= 1
    assert bool(((hands.colours > 0) & (hands.colours <= 1)).all())


def test_cut_hands__nothing_can_be_cut_out() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    found, kept = cut_hands(noise)
    assert len(found) == 0 and not kept.any()


def test_place_hands__same_chance_same_pictures_and_another_other_ones(hands: CutOut) -> None:
    first, again, other = (place_hands(hands, [0, 1, 1], 64, chance(seed)) for seed in (3, 3, 4))
    assert first.shape == (3, 3, 64, 64) and first.dtype == torch.float32
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert float(first.min()) >= 0 and float(first.max()) <= 1


def test_place_hands__a_hand_is_seen_before_the_room(hands: CutOut) -> None:
    """With the same chance and a hand of full red, what is red is where the hand is."""
    red = hands.pixels.clone()
    red[:, 0], red[:, 1:3] = 255, 0
    one = CutOut(red, hands.boxes, hands.wrists, torch.tensor([[1.0, 0, 0]]).expand(len(red), 3), hands.rows)
    seen = place_hands(one, [0] * 40, 64, chance(1))
    redness = seen[:, 0] - seen[:, 1:].amax(dim=1)
    shares = (redness > 0.05).float().mean(dim=(1, 2))
    # Large and small, none without a hand, none that is nothing else.
    assert float(shares.min()) > 0.005 and float(shares.std()) > 0.05


def test_make_rooms__differ_and_stay_in_range() -> None:
    rooms = make_rooms(8, 48, chance())
    assert rooms.shape == (8, 3, 48, 48) and float(rooms.min()) >= 0 and float(rooms.max()) <= 1
    assert len({float(room.mean()) for room in rooms}) == 8


def test_in_scenes__makes_views_as_a_policy_does() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    hand = draw_image("B", make_signer(1, 5), seed=5, index=0, size=64).pixels
    batch = torch.from_numpy(np.stack([hand, noise]))
    first, again, other = (in_scenes(batch, ["0a", "0b"], view) for view in (1, 1, 2))
    assert first.shape == (2, 64, 64, 3) and 0 <= float(first.min()) <= float(first.max()) <= 255
    assert torch.equal(first, again) and not torch.equal(first, other)
