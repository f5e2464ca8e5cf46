import pytest
import torch

from handshape.training import span
from handshape.training.span import in_span


def noise(count: int, width: int) -> torch.Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(count))


def test_in_span__few_photos_keep_their_distances() -> None:
    inputs = noise(20, 300)
    short, basis = in_span(inputs)
    assert basis is not None and short.shape == (20, 20) and basis.shape == (300, 20)
    assert torch.allclose(basis.T @ basis, torch.eye(20), atol=1e-5)
    assert torch.allclose(short @ basis.T, inputs, atol=1e-4)
    assert torch.allclose(torch.cdist(short, short), torch.cdist(inputs, inputs), atol=1e-2)


def test_in_span__photos_that_depend_on_each_other() -> None:
    inputs = noise(5, 40).repeat(2, 1)
    short, basis = in_span(inputs)
    assert basis is not None and torch.isfinite(short).all()
    assert torch.allclose(short @ basis.T, inputs, atol=1e-4)


def test_in_span__leaves_many_photos_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = noise(50, 50)
    assert in_span(inputs) == (inputs, None)
    monkeypatch.setattr(span, "_MOST", 10)
    wide = noise(20, 300)
    assert in_span(wide) == (wide, None)
