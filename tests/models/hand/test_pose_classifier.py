import numpy as np
import pytest
import torch
from torch import Tensor

from handshape.models.hand.pose_classifier import HandHead, flat, mirrored, turned


def hands(count: int = 3) -> Tensor:
    random = torch.Generator().manual_seed(0)
    made = torch.randn(count, 63, generator=random)
    made[:, :3] = 0  # the wrist
    return made


def learned(means: Tensor, absent: tuple[int, ...] = ()) -> HandHead:
    head = HandHead(len(means))
    missing = torch.zeros(len(means), dtype=torch.bool)
    missing[list(absent)] = True
    head.know(means, missing, 0.01 * torch.eye(42, dtype=torch.float64))
    return head.eval()


@pytest.mark.parametrize("degrees", [-75, -30, 0, 45, 60])
def test_hand_head__a_hand_from_another_side_and_its_mirror_image(degrees: int) -> None:
    head = learned(hands())
    plain, moved = head(hands()), head(turned(hands(), degrees))
    assert moved.argmax(dim=1).tolist() == [0, 1, 2]
    torch.testing.assert_close(head(mirrored(turned(hands(), degrees))), moved)
    # As likely as it is as it was learned, for every turn that is known counts alike.
    torch.testing.assert_close(moved.diagonal(), plain.diagonal(), rtol=0, atol=0.2)


def test_hand_head__how_far_a_hand_is_from_what_is_known() -> None:
    head = learned(hands())
    off = hands()
    off[:, 3] += 0.3  # three deviations
    assert torch.allclose(head(hands()).diagonal() - head(off).diagonal(), torch.tensor(4.5), atol=0.2)
    head.soften(9.0)
    assert torch.allclose(head(hands()).diagonal() - head(off).diagonal(), torch.tensor(0.5), atol=0.2)


def test_hand_head__depth_is_not_compared() -> None:
    head, deeper = learned(hands()), hands()
    deeper[:, 5::3] += 1
    assert torch.equal(head(deeper), head(hands()))


def test_hand_head__a_label_without_photos_is_never_read() -> None:
    head = learned(hands(), absent=(1,))
    assert head(hands(2)).argmax(dim=1).tolist()[0] == 0
    assert bool((head(hands())[:, 1] < -1000).all())


def test_hand_head__knows_nothing_yet() -> None:
    assert len(HandHead(4)(hands(2)).unique()) == 1


def test_turned__about_the_vertical_and_seen_from_behind() -> None:
    point = torch.tensor([[1.0, 2.0, 3.0]])
    expected = [[np.cos(0.5) + 3 * np.sin(0.5), 2, 3 * np.cos(0.5) - np.sin(0.5)]]
    assert turned(point, np.rad2deg(0.5)).tolist()[0] == pytest.approx(expected[0])
    behind = turned(hands(), 180)
    torch.testing.assert_close(flat(behind), flat(mirrored(hands())), rtol=0, atol=1e-5)
