from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from tests.training.conftest import two_roads
from torch import Tensor, nn
from torch.nn import functional as F

from handshape.models.heads import Head, HeadConfig
from handshape.training.heads import logistic as linear
from handshape.training.heads.dual_basis import span_of
from handshape.training.heads.logistic import train_linear
from handshape.training.history import Epoch

Side = tuple[Tensor, NDArray[np.int64]]


def clouds(count: int, width: int, labels: int = 3, *, apart: float = 1.0, seed: int = 0) -> Side:
    """Gaussian clouds, one a label; the centres are the same for every seed."""
    centres = torch.randn(labels, width, generator=torch.Generator().manual_seed(99)) * apart
    classes = np.arange(count) % labels
    noise = torch.randn(count, width, generator=torch.Generator().manual_seed(seed))
    return noise + centres[torch.from_numpy(classes)], classes.astype(np.int64)


def trained(train: Side, valid: Side, labels: int = 3) -> tuple[Head, list[Epoch], Tensor]:
    head = Head(train[0][0].numel(), labels, HeadConfig("linear", scaling="feature"))
    return head, *train_linear(head, train, valid)


def both(train: Side, valid: Side) -> Side:
    """What the head that is kept was solved on."""
    return torch.cat([train[0], valid[0]]), np.concatenate([train[1], valid[1]])


def accuracy(head: Head, side: Side) -> float:
    with torch.inference_mode():
        return share_right(head(side[0]), side)


def share_right(logits: Tensor, side: Side) -> float:
    return float((logits.argmax(dim=1).numpy() == side[1]).mean())


def objective(head: Head, train: Side, strength: float) -> float:
    """Mean cross-entropy with the penalty on weights of features whose mean square is 1 / D."""
    layer = head.layers
    assert isinstance(layer, nn.Linear)
    with torch.inference_mode():
        loss = float(F.cross_entropy(head(train[0]).double(), torch.from_numpy(train[1])))
        return loss + strength / 2 * float((layer.weight.double() ** 2).sum()) * head.width


def sklearn_objective(train: Side, strength: float) -> float:
    features = train[0].flatten(1).double().numpy()
    scaled = (features - features.mean(axis=0)) / features.std(axis=0) / np.sqrt(features.shape[1])
    model = LogisticRegression(C=1 / (strength * len(scaled)), tol=1e-8, max_iter=10_000).fit(
        scaled, train[1]
    )
    logits = torch.from_numpy(model.decision_function(scaled))
    loss = float(F.cross_entropy(logits, torch.from_numpy(train[1])))
    return loss + strength / 2 * float((model.coef_**2).sum())


@pytest.mark.parametrize("strength", [1e-1, 1e-2, 1e-3])
@pytest.mark.parametrize("count, width", [(150, 20), (40, 200)])
def test_train_linear__agrees_with_sklearn(
    monkeypatch: pytest.MonkeyPatch, strength: float, count: int, width: int
) -> None:
    monkeypatch.setattr(linear, "STRENGTHS", (strength,))
    train, valid = clouds(count, width, apart=0.5), clouds(30, width, apart=0.5, seed=1)
    head, *_ = trained(train, valid)
    seen = both(train, valid)
    assert objective(head, seen, strength) == pytest.approx(sklearn_objective(seen, strength), rel=1e-3)


@pytest.mark.parametrize("count, width", [(60, 300), (90, 100), (200, 30)])
def test_train_linear__rotated_road_equals_the_plain_one(
    monkeypatch: pytest.MonkeyPatch, count: int, width: int
) -> None:
    monkeypatch.setattr(linear, "STRENGTHS", (1e-2,))
    train, valid, unseen = (clouds(n, width, apart=0.5, seed=n) for n in (count, 60, 90))
    roads = []
    for road in (span_of, lambda inputs: None):
        monkeypatch.setattr(linear, "span_of", road)
        head, _, logits = trained(train, valid)
        probabilities = torch.softmax(head(unseen[0]), dim=1).detach()
        roads.append((objective(head, both(train, valid), 1e-2), probabilities, torch.softmax(logits, dim=1)))
    assert roads[0][0] == pytest.approx(roads[1][0], rel=1e-3)
    assert torch.allclose(roads[0][1], roads[1][1], atol=0.02)
    assert torch.allclose(roads[0][2], roads[1][2], atol=0.02)


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


def test_train_linear__history_counts_passes() -> None:
    head, history, _ = trained(clouds(60, 40), clouds(30, 40, seed=1))
    assert [epoch.epoch for epoch in history] == list(range(1, len(history) + 1))
    assert history[-1].loss < history[0].loss
    assert not head.training


def test_train_linear__by_blocks_is_the_head_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handshape.training.heads.feature_rows.BLOCK", 256)
    sides = [clouds(n, 40, apart=0.2, seed=n) for n in (1500, 700, 2000)]
    whole, lying = two_roads(sides)
    found = []
    for train, valid, _ in (whole, lying):
        head = Head(40, 3, HeadConfig("linear"))
        train_linear(head, train, valid)
        found.append(accuracy(head, whole[2]))
    assert 0.4 < found[0] < 0.99
    assert found[1] == pytest.approx(found[0], abs=0.002)
