import pytest
import torch

from handshape.training.heads import dual_basis as span
from handshape.training.heads.dual_basis import span_of


def noise(count: int, width: int) -> torch.Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(count))


def test_span_of__few_photos_keep_their_distances() -> None:
    photos = noise(20, 300)
    found = span_of(photos)
    assert found is not None and found.own.shape == (20, 20) and found.own.is_contiguous()
    assert torch.allclose(torch.cdist(found.own, found.own), torch.cdist(photos, photos), atol=1e-2)
    assert torch.allclose(found.coordinates(photos), found.own, atol=1e-4)
    assert torch.allclose(found.weights(found.own), photos, atol=1e-3)


def test_span_of__photos_that_depend_on_each_other() -> None:
    photos = noise(5, 40).repeat(2, 1)
    found = span_of(photos)
    assert found is not None and torch.isfinite(found.own).all()
    assert torch.allclose(found.own @ found.own.T, photos @ photos.T, atol=1e-2)


def test_span_of__photos_without_features() -> None:
    assert span_of(torch.zeros(3, 8)) is None


@pytest.mark.parametrize("count", [20, 400])
def test_span__weights_give_rows_what_short_ones_give_coordinates(count: int) -> None:
    photos, others, short = noise(count, 900), noise(7, 900), noise(4, count)
    found = span_of(photos - photos.mean(dim=0))  # which makes them depend on each other
    assert found is not None
    through = found.coordinates(others) @ short.T
    assert torch.allclose(others @ found.weights(short).T, through, atol=1e-3 * float(through.abs().max()))


def test_span_of__many_photos_are_left_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    assert span_of(noise(50, 50)) is None
    monkeypatch.setattr(span, "_MOST", 10)
    assert span_of(noise(20, 300)) is None
