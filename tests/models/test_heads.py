import pytest
import torch
from torch import nn
from torch.nn import functional as F

from handshape.errors import ShapeError, UsageError
from handshape.models.heads import Head, Pool
from handshape.models.network_config import HeadConfig


def rounded(features: torch.Tensor) -> torch.Tensor:
    return features.half().float()


@pytest.mark.parametrize("side", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("shape", [(6, 6), (13, 13), (7, 7), (6, 9), (9, 6)])
def test_pool__equals_torch_s_adaptive_pooling(side: int, shape: tuple[int, int]) -> None:
    features = torch.randn(3, 5, *shape, generator=torch.Generator().manual_seed(0))
    pooled = Pool(side, *shape)(features)
    assert pooled.shape == (3, 5, side, side)
    assert torch.allclose(pooled, F.adaptive_avg_pool2d(features, side), atol=2e-3)
    # Apart from the rounding the two are equal.
    pool = Pool(side, *shape)
    exact = pool.rows @ features @ pool.columns
    assert torch.allclose(exact, F.adaptive_avg_pool2d(features, side), atol=1e-6)


@pytest.mark.parametrize("side", [None, 6, 40])
def test_pool__keeps_the_features_own_places(side: int | None) -> None:
    features = torch.randn(2, 4, 6, 6, generator=torch.Generator().manual_seed(1))
    pool = Pool(side, 6, 6)
    assert pool.side == (6, 6)
    assert torch.equal(pool(features), rounded(features))


def test_pool__rounds_as_the_cache_does() -> None:
    features = torch.full((1, 1, 2, 2), 1 / 3)
    for side in (None, 1):
        pooled = Pool(side, 2, 2)(features)
        assert pooled.dtype == torch.float32
        assert torch.equal(pooled, torch.full_like(pooled, float(torch.tensor(1 / 3).half())))


def test_head__mlp_has_the_lesson_s_shape() -> None:
    head = Head(256 * 6 * 6, 9, HeadConfig("mlp", pool=None))
    assert isinstance(head.layers, nn.Sequential)
    sizes = [(m.in_features, m.out_features) for m in head.layers if isinstance(m, nn.Linear)]
    assert sizes == [(256 * 6 * 6, 100), (100, 9)]
    assert head(torch.zeros(2, 256, 6, 6)).shape == (2, 9)


def test_head__refuses_features_of_another_width() -> None:
    with pytest.raises(ShapeError, match=r"features of shape \(2, 4, 3, 3\)"):
        Head(18, 4, HeadConfig())(torch.zeros(2, 4, 3, 3))


@pytest.mark.parametrize("pool", [0, -1])
def test_head_config__refuses_a_pool_of_nothing(pool: int) -> None:
    with pytest.raises(UsageError, match=rf"--pool {pool}; expected 1 or more, or 0 .*; change it"):
        HeadConfig(pool=pool)


FEATURE = HeadConfig("linear", scaling="feature")


def test_scale_by__feature_brings_each_to_mean_0_and_deviation_1() -> None:
    features = 5 + 3 * torch.randn(50, 8, generator=torch.Generator().manual_seed(3))
    head = Head(8, 2, FEATURE)
    head.scale_by(features)
    result = head.scaled(features)
    assert torch.allclose(result.mean(dim=0), torch.zeros(8), atol=1e-5)
    assert torch.allclose(result.std(dim=0, correction=0), torch.ones(8), atol=1e-5)


def test_scale_by__root_keeps_how_much_features_differ() -> None:
    features = torch.randn(60, 4, generator=torch.Generator().manual_seed(5)) * torch.tensor([1, 4, 9, 16])
    head = Head(4, 2, HeadConfig("linear", scaling="root"))
    head.scale_by(features)
    result = head.scaled(features)
    roots = features.sign() * features.abs().sqrt()
    centred = roots - roots.mean(dim=0)
    factors = result / centred
    assert torch.allclose(factors, factors[0, 0].expand_as(factors), rtol=1e-3)
    assert float(result.square().mean()) == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("value", [0.0, 0.1, 1000.1, -6e4])
def test_scale_by__constant_features_become_zero(value: float) -> None:
    features = torch.randn(40, 3, generator=torch.Generator().manual_seed(4))
    features[:, 1] = value
    head = Head(3, 2, FEATURE)
    head.scale_by(features)
    assert torch.equal(head.scaled(features)[:, 1], torch.zeros(40))
    # A photo in which it does change is not blown up either.
    odd = features[:1].clone()
    odd[0, 1] = value + 1
    assert head.scaled(odd)[0, 1] == 0


@pytest.mark.parametrize("side", [2, None])
def test_pool__gradients_pass_though_values_are_rounded(side: int | None) -> None:
    pool = Pool(side, 4, 4)
    features = torch.rand(2, 3, 4, 4, requires_grad=True)
    plain = pool.eval()(features.detach())
    rounded = pool.train()(features)
    assert torch.equal(rounded, plain)
    # So small that float16 holds no such number.
    (rounded * 1e-9).sum().backward()
    assert features.grad is not None
    share = 1 if side is None else 0.25
    torch.testing.assert_close(features.grad, torch.full((2, 3, 4, 4), 1e-9 * share))


def test_head__gradients_are_finite_where_features_are_zero() -> None:
    head = Head(6, 3, HeadConfig("lda", 1))
    rows = torch.tensor([[0.0, 0.0, 1e-8, 0.04, 4.0, -1.0], [0.0, 0.0, 0.0, 0.09, 1.0, -4.0]])
    head.scale_by(rows)
    with torch.no_grad():
        plain = head.eval()(rows)
    features = rows.clone().requires_grad_()
    logits = head.train()(features)
    assert torch.equal(logits, plain)
    logits[:, 0].sum().backward()
    assert features.grad is not None and features.grad.isfinite().all()
    # Where features are not small, the slope is the root's own.
    assert isinstance(head.layers, torch.nn.Linear)
    own = head.layers.weight[0, 4] * head.scale[4] * 0.5 / rows[:, 4].sqrt()
    torch.testing.assert_close(features.grad[:, 4], own.detach())
