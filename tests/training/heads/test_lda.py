import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from handshape.models.heads import Head
from handshape.models.network_config import HeadConfig
from handshape.training.datasets import FeatureRows, LabelledFeatures
from handshape.training.heads import lda
from handshape.training.heads.dual_basis import DualBasis
from handshape.training.heads.lda import train_lda
from handshape.training.history import Epoch

Side = tuple[Tensor, NDArray[np.int64]]


def clouds(count: int, width: int, *, apart: float = 1.0, seed: int = 0) -> Side:
    """Three Gaussian clouds; the centres are the same for every seed."""
    centres = torch.randn(3, width, generator=torch.Generator().manual_seed(99)) * apart
    classes = np.arange(count) % 3
    noise = torch.randn(count, width, generator=torch.Generator().manual_seed(seed))
    return noise + centres[torch.from_numpy(classes)], classes.astype(np.int64)


def rows_of(side: Side) -> LabelledFeatures:
    return FeatureRows(side[0]), side[1]


def trained(train: Side, valid: Side) -> tuple[Head, list[Epoch], Tensor]:
    head = Head(train[0][0].numel(), 3, HeadConfig("lda", scaling="feature"))
    return head, *train_lda(head, rows_of(train), rows_of(valid))


def read(head: Head, side: Side) -> NDArray[np.int64]:
    with torch.inference_mode():
        classes: NDArray[np.int64] = head(side[0]).argmax(dim=1).numpy()
    return classes


@pytest.mark.parametrize("shrinkage", [0.9, 0.5, 0.1])
def test_train_lda__agrees_with_sklearn(monkeypatch: pytest.MonkeyPatch, shrinkage: float) -> None:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    monkeypatch.setattr(lda, "SHRINKAGES", (shrinkage,))
    train, valid, unseen = (clouds(n, 12, apart=0.5, seed=n) for n in (90, 60, 300))
    head, *_ = trained(train, valid)
    features, classes = torch.cat([train[0], valid[0]]), np.concatenate([train[1], valid[1]])
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage, priors=[1 / 3] * 3)
    model.fit(head.scaled(features).numpy(), classes)
    assert (read(head, unseen) == model.predict(head.scaled(unseen[0]).numpy())).mean() > 0.99


@pytest.mark.parametrize("count, width", [(30, 500), (300, 10), (12, 4)])
def test_train_lda__reads_separable_data(count: int, width: int) -> None:
    train, valid, unseen = (clouds(n, width, apart=5, seed=n) for n in (count, 60, 90))
    head, history, logits = trained(train, valid)
    assert (read(head, unseen) == unseen[1]).mean() > 0.95
    assert logits.shape == (60, 3)
    assert all(torch.isfinite(parameter).all() for parameter in head.parameters())
    assert [epoch.epoch for epoch in history] == list(range(1, len(lda.SHRINKAGES) + 1))
    assert not head.training


def test_train_lda__valid_logits_are_of_a_head_that_has_not_seen_valid() -> None:
    train = torch.randn(30, 400, generator=torch.Generator().manual_seed(1)), np.arange(30) % 3
    valid = torch.randn(60, 400, generator=torch.Generator().manual_seed(2)), np.arange(60) % 3
    head, _, logits = trained(train, valid)
    assert (logits.argmax(dim=1).numpy() == valid[1]).mean() < 0.6
    assert (read(head, valid) == valid[1]).mean() > 0.9


def test_train_lda__says_as_much_as_valid_supports() -> None:
    train, valid = clouds(60, 30, apart=0.3), clouds(90, 30, apart=0.3, seed=1)
    _, _, logits = trained(train, valid)
    sure = torch.softmax(logits, dim=1).max(dim=1).values.mean()
    right = float((logits.argmax(dim=1).numpy() == valid[1]).mean())
    assert float(sure) == pytest.approx(right, abs=0.1)


def test_train_lda__a_feature_that_never_changes_gets_no_say() -> None:
    train, valid = clouds(60, 12, apart=2), clouds(30, 12, apart=2, seed=1)
    for features, _ in (train, valid):
        features[:, 7] = 123.4
    head, *_ = trained(train, valid)
    before = head(valid[0])
    assert torch.isfinite(before).all()
    valid[0][:, 7] = -1e4
    assert torch.equal(head(valid[0]), before)


def test_train_lda__same_numbers_every_time() -> None:
    train, valid = clouds(50, 80), clouds(30, 80, seed=1)
    first, again = trained(train, valid), trained(train, valid)
    assert all(torch.equal(a, b) for a, b in zip(first[0].parameters(), again[0].parameters(), strict=True))


def without(side: Side, label: int) -> Side:
    keep = side[1] != label
    return side[0][torch.from_numpy(keep)], side[1][keep]


@pytest.mark.parametrize("width", [10, 2000])
def test_train_lda__a_label_without_photos_is_never_answered(width: int) -> None:
    train, valid, unseen = (clouds(n, width, apart=0.3, seed=n) for n in (90, 60, 300))
    head, *_ = trained(without(train, 2), without(valid, 2))
    assert 2 not in read(head, unseen)


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
    accuracies = [(read(head, unseen) == unseen[1]).mean() for head in heads]
    assert 0.4 < accuracies[0] < 0.99
    assert accuracies[1] == pytest.approx(accuracies[0], abs=0.002)
