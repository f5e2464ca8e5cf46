import numpy as np
import torch
from numpy.typing import NDArray

from handshape.models.hand.pose_classifier import HandHead
from handshape.training.pose import train_hand_head


def hands_of(classes: list[int], seed: int) -> tuple[torch.Tensor, NDArray[np.int64]]:
    shapes = np.random.default_rng(9).normal(size=(3, 63))
    noise = np.random.default_rng(seed).normal(size=(len(classes), 63))
    return torch.from_numpy((shapes[classes] + 0.4 * noise).astype(np.float32)), np.array(classes)


def test_train_hand_head__reads_others_and_is_as_sure_as_it_may_be() -> None:
    head = HandHead(3)
    said = train_hand_head(head, hands_of([0, 1, 2] * 10, 1), hands_of([0, 1, 2] * 4, 2))
    rows, classes = hands_of([0, 1, 2] * 30, 3)
    read = head(rows).detach()
    assert (read.argmax(dim=1).numpy() == classes).mean() > 0.95
    assert said.shape == (12, 3) and (said.argmax(dim=1).numpy() == [0, 1, 2] * 4).mean() > 0.9
    # Distances in so many dimensions say 1 of what is wrong once in a while.
    assert float(torch.nn.functional.cross_entropy(read, torch.from_numpy(classes))) < 0.3


def test_train_hand_head__valid_is_learned_from_in_the_end() -> None:
    train, valid = hands_of([0, 1, 2] * 3, 1), hands_of([0, 1, 2] * 3, 2)
    one, other = HandHead(3), HandHead(3)
    first = train_hand_head(one, train, valid)
    second = train_hand_head(other, train, (valid[0].flip(0), valid[1][::-1].copy()))
    torch.testing.assert_close(one.centres, other.centres)
    torch.testing.assert_close(first.flip(0), second)
    assert not torch.allclose(one(valid[0]), first)


def test_train_hand_head__a_label_that_only_valid_shows() -> None:
    head = HandHead(3)
    said = train_hand_head(head, hands_of([0, 1] * 5, 1), hands_of([0, 1, 2], 2))
    assert said.argmax(dim=1).tolist()[:2] == [0, 1] and bool(torch.isfinite(said).all())
