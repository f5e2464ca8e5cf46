import numpy as np
import pytest
import torch
from tests.training.heads.clouds import Cloud, clouds, predicted, rows_of
from torch import Tensor

from handshape.models.heads import Head
from handshape.models.network_config import HeadConfig
from handshape.training.heads import lda
from handshape.training.heads.dual_basis import DualBasis
from handshape.training.heads.lda import train_lda
from handshape.training.history import Epoch


def trained(train: Cloud, valid: Cloud) -> tuple[Head, list[Epoch], Tensor]:
    head = Head(train[0][0].numel(), 3, HeadConfig("lda", scaling="feature"))
    return head, *train_lda(head, rows_of(train), rows_of(valid))


@pytest.mark.parametrize("shrinkage", [0.9, 0.5, 0.1])
def test_train_lda__agrees_with_sklearn(monkeypatch: pytest.MonkeyPatch, shrinkage: float) -> None:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    monkeypatch.setattr(lda, "SHRINKAGES", (shrinkage,))
    train, valid, unseen = (clouds(n, 12, apart=0.5, seed=n) for n in (90, 60, 300))
    head, *_ = trained(train, valid)
    features, classes = torch.cat([train[0], valid[0]]), np.concatenate([train[1], valid[1]])
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage, priors=[1 / 3] * 3)
    model.fit(head.scaled(features).numpy(), classes)
    assert (predicted(head, unseen) == model.predict(head.scaled(unseen[0]).numpy())).mean() > 0.99


@pytest.mark.parametrize("count, width", [(30, 500), (300, 10), (12, 4)])
def test_train_lda__reads_separable_data(count: int, width: int) -> None:
    train, valid, unseen = (clouds(n, width, apart=5, seed=n) for n in (count, 60, 90))
    head, history, logits = trained(train, valid)
    assert (predicted(head, unseen) == unseen[1]).mean() > 0.95
    assert logits.shape == (60, 3)
    assert all(torch.isfinite(parameter).all() for parameter in head.parameters())
    assert [epoch.epoch for epoch in history] == list(range(1, len(lda.SHRINKAGES) + 1))
    assert not head.training


def test_train_lda__valid_logits_are_of_a_head_that_has_not_seen_valid() -> None:
    train = torch.randn(30, 400, generator=torch.Generator().manual_seed(1)), np.arange(30) % 3
    valid = torch.randn(60, 400, generator=torch.Generator().manual_seed(2)), np.arange(60) % 3
    head, _, logits = trained(train, valid)
    assert (logits.argmax(dim=1).numpy() == valid[1]).mean() < 0.6
    assert (predicted(head, valid) == valid[1]).mean() > 0.9


def test_train_lda__says_as_much_as_valid_supports() -> None:
    train, valid = clouds(60, 30, apart=0.3), clouds(90, 30, apart=0.3, seed=1)
    _, _, logits = trained(train, valid)
    sure = torch.softmax(logits, dim=1).max(dim=1).values.mean()
    right = float((logits.argmax(dim=1).numpy() == valid[1]).mean())
    assert float(sure) == pytest.approx(right, abs=0.1)


def without(side: Cloud, label: int) -> Cloud:
    keep = side[1] != label
    return side[0][torch.from_numpy(keep)], side[1][keep]


@pytest.mark.parametrize("width", [10, 2000])
def test_train_lda__a_label_without_photos_is_never_answered(width: int) -> None:
    train, valid, unseen = (clouds(n, width, apart=0.3, seed=n) for n in (90, 60, 300))
    head, *_ = trained(without(train, 2), without(valid, 2))
    assert 2 not in predicted(head, unseen)


def test_train_lda__a_label_that_only_valid_has_does_not_blur_the_others() -> None:
    train, valid = (clouds(n, 30, apart=1.5, seed=n) for n in (90, 60))
    _, _, logits = trained(without(train, 2), valid)
    sure = torch.softmax(logits, dim=1).max(dim=1).values[torch.from_numpy(valid[1] != 2)]
    assert float(sure.mean()) > 0.9


@pytest.mark.parametrize("without_valid", [False, True])
def test_train_lda__in_the_dual_basis_is_the_head_from_sums(
    monkeypatch: pytest.MonkeyPatch, without_valid: bool
) -> None:
    train, valid, unseen = (clouds(n, 300, apart=0.2, seed=n) for n in (100, 60, 2000))
    heads, logits = [], []
    for pays in (True, False):
        monkeypatch.setattr(DualBasis, "pays", lambda count, width, pays=pays: pays)
        head = Head(300, 3, HeadConfig("lda"))
        history, seen = train_lda(head, rows_of(train), rows_of(valid), without_valid=without_valid)
        assert len(history) == len(lda.SHRINKAGES)
        heads.append(head)
        logits.append(seen)
    torch.testing.assert_close(*logits, rtol=1e-2, atol=1e-2)
    accuracies = [(predicted(head, unseen) == unseen[1]).mean() for head in heads]
    assert 0.4 < accuracies[0] < 0.99
    assert accuracies[1] == pytest.approx(accuracies[0], abs=0.002)
