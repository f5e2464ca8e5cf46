import pytest
import torch

from handshape.training.heads.dual_basis import dual_basis


def noise(count: int, width: int) -> torch.Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(count))


def test_dual_basis__few_photos_keep_their_distances() -> None:
    photos = noise(20, 300)
    found = dual_basis(photos)
    assert found is not None and found.own.shape == (20, 20) and found.own.is_contiguous()
    assert torch.allclose(torch.cdist(found.own, found.own), torch.cdist(photos, photos), atol=1e-2)
    assert torch.allclose(found.coordinates(photos), found.own, atol=1e-4)
    assert torch.allclose(found.weights(found.own), photos, atol=1e-3)


def test_dual_basis__photos_that_depend_on_each_other() -> None:
    photos = noise(5, 40).repeat(2, 1)
    found = dual_basis(photos)
    assert found is not None and torch.isfinite(found.own).all()
    assert torch.allclose(found.own @ found.own.T, photos @ photos.T, atol=1e-2)


def test_dual_basis__photos_without_features() -> None:
    assert dual_basis(torch.zeros(3, 8)) is None


@pytest.mark.parametrize("count", [20, 400])
def test_dual_basis__weights_give_rows_what_short_ones_give_coordinates(count: int) -> None:
    photos, others, short = noise(count, 900), noise(7, 900), noise(4, count)
    found = dual_basis(photos - photos.mean(dim=0))  # which makes them depend on each other
    assert found is not None
    through = found.coordinates(others) @ short.T
    assert torch.allclose(others @ found.weights(short).T, through, atol=1e-3 * float(through.abs().max()))
