import numpy as np
import pytest
import torch
from tests.training.heads.clouds import Cloud, clouds, predicted, rows_of
from torch import Tensor

from handshape.models.heads import Head
from handshape.models.network_config import HeadConfig
from handshape.training.heads import logistic as linear
from handshape.training.heads.logistic import train_linear
from handshape.training.history import Epoch


def trained(train: Cloud, valid: Cloud, labels: int = 3) -> tuple[Head, list[Epoch], Tensor]:
    head = Head(train[0][0].numel(), labels, HeadConfig("linear", scaling="feature"))
    return head, *train_linear(head, rows_of(train), rows_of(valid))


def accuracy(head: Head, side: Cloud) -> float:
    return float((predicted(head, side) == side[1]).mean())


def share_right(logits: Tensor, side: Cloud) -> float:
    return float((logits.argmax(dim=1).numpy() == side[1]).mean())


@pytest.mark.parametrize("count, width", [(30, 500), (300, 10), (6, 4)])
def test_train_linear__reads_separable_data(count: int, width: int) -> None:
    train, valid, unseen = (clouds(n, width, apart=5, seed=n) for n in (count, 60, 90))
    head, history, _ = trained(train, valid)
    assert accuracy(head, train) == 1.0
    assert accuracy(head, unseen) > 0.95
    assert all(torch.isfinite(parameter).all() for parameter in head.parameters())
    assert all(np.isfinite(epoch.loss) for epoch in history)


def test_train_linear__chooses_the_strength_that_reads_valid_best(monkeypatch: pytest.MonkeyPatch) -> None:
    train, valid = clouds(60, 40, apart=0.6), clouds(300, 40, apart=0.6, seed=1)
    alone = []
    for strength in linear.STRENGTHS:
        with monkeypatch.context() as only:
            only.setattr(linear, "STRENGTHS", (strength,))
            alone.append(share_right(trained(train, valid)[2], valid))
    # Solved one after the other each starts from the last, so that a photo or two may fall otherwise.
    assert share_right(trained(train, valid)[2], valid) >= max(alone) - 0.01
    assert max(alone) > min(alone)


def test_train_linear__valid_logits_are_of_a_head_that_has_not_seen_valid() -> None:
    # Noise: what is read right without having been seen is luck, and what has been seen is learnt by heart.
    train = torch.randn(30, 400, generator=torch.Generator().manual_seed(1)), np.arange(30) % 3
    valid = torch.randn(60, 400, generator=torch.Generator().manual_seed(2)), np.arange(60) % 3
    head, history, logits = trained(train, valid)
    assert logits.shape == (60, 3)
    assert share_right(logits, valid) < 0.6
    assert accuracy(head, valid) == 1.0
    assert share_right(logits, valid) in [epoch.valid_accuracy for epoch in history]


@pytest.mark.parametrize("present", [(0, 2), (1,)])
def test_train_linear__labels_without_photos_are_never_predicted(present: tuple[int, ...]) -> None:
    sides = [clouds(n, 20, apart=2, seed=n) for n in (90, 60)]
    train, valid = ((rows[np.isin(own, present)], own[np.isin(own, present)]) for rows, own in sides)
    head, _, _ = trained(train, valid)
    assert accuracy(head, valid) > 0.95
    with torch.inference_mode():
        assert set(head(torch.randn(200, 20)).argmax(dim=1).tolist()) <= set(present)
