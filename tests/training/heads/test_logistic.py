from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from handshape.models.heads import Head
from handshape.models.network_config import HeadConfig
from handshape.training.datasets import FeatureRows, LabelledFeatures
from handshape.training.heads import logistic as linear
from handshape.training.heads.logistic import train_linear
from handshape.training.history import Epoch

Side = tuple[Tensor, NDArray[np.int64]]


def clouds(count: int, width: int, labels: int = 3, *, apart: float = 1.0, seed: int = 0) -> Side:
    """Gaussian clouds, one a label; the centres are the same for every seed."""
    centres = torch.randn(labels, width, generator=torch.Generator().manual_seed(99)) * apart
    classes = np.arange(count) % labels
    noise = torch.randn(count, width, generator=torch.Generator().manual_seed(seed))
    return noise + centres[torch.from_numpy(classes)], classes.astype(np.int64)


def rows_of(side: Side) -> LabelledFeatures:
    return FeatureRows(side[0]), side[1]


def trained(train: Side, valid: Side, labels: int = 3) -> tuple[Head, list[Epoch], Tensor]:
    head = Head(train[0][0].numel(), labels, HeadConfig("linear", scaling="feature"))
    return head, *train_linear(head, rows_of(train), rows_of(valid))


def accuracy(head: Head, side: Side) -> float:
    with torch.inference_mode():
        return share_right(head(side[0]), side)


def share_right(logits: Tensor, side: Side) -> float:
    return float((logits.argmax(dim=1).numpy() == side[1]).mean())


@pytest.mark.parametrize("count, width", [(30, 500), (300, 10), (6, 4)])
def test_train_linear__reads_separable_data(count: int, width: int) -> None:
    train, valid, unseen = (clouds(n, width, apart=5, seed=n) for n in (count, 60, 90))
    head, history, _ = trained(train, valid)
    assert accuracy(head, train) == 1.0
    assert accuracy(head, unseen) > 0.95
    assert all(torch.isfinite(parameter).all() for parameter in head.parameters())
    assert all(np.isfinite(epoch.loss) for epoch in history)


def test_train_linear__a_feature_that_never_changes_gets_no_say() -> None:
    train, valid = clouds(60, 12, apart=2), clouds(30, 12, apart=2, seed=1)
    for features, _ in (train, valid):
        features[:, 7] = 123.4
    head, *_ = trained(train, valid)
    assert all(torch.isfinite(parameter).all() for parameter in head.parameters())
    before = head(valid[0])
    valid[0][:, 7] = -1e4
    assert torch.equal(head(valid[0]), before)


def test_train_linear__takes_features_in_space() -> None:
    flat, classes = clouds(60, 2 * 3 * 3, apart=2)
    space = flat.reshape(60, 2, 3, 3)
    one, *_ = trained((flat, classes), (flat, classes))
    other, *_ = trained((space, classes), (space, classes))
    assert torch.equal(one(flat), other(space))


def test_train_linear__same_numbers_every_time() -> None:
    train, valid = clouds(50, 80), clouds(30, 80, seed=1)
    first, again = trained(train, valid), trained(train, valid)
    assert [replace(e, seconds=0) for e in first[1]] == [replace(e, seconds=0) for e in again[1]]
    assert all(torch.equal(a, b) for a, b in zip(first[0].parameters(), again[0].parameters(), strict=True))


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


def test_train_linear__a_row_of_history_for_each_strength() -> None:
    head, history, _ = trained(clouds(60, 40), clouds(30, 40, seed=1))
    assert [epoch.epoch for epoch in history] == list(range(1, len(linear.STRENGTHS) + 1))
    assert history[-1].loss < history[0].loss
    assert not head.training


@pytest.mark.parametrize("present", [(0, 2), (1,)])
def test_train_linear__labels_without_photos_are_never_predicted(present: tuple[int, ...]) -> None:
    sides = [clouds(n, 20, apart=2, seed=n) for n in (90, 60)]
    train, valid = ((rows[np.isin(own, present)], own[np.isin(own, present)]) for rows, own in sides)
    head, _, _ = trained(train, valid)
    assert accuracy(head, valid) > 0.95
    with torch.inference_mode():
        assert set(head(torch.randn(200, 20)).argmax(dim=1).tolist()) <= set(present)
