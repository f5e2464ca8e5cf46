import pytest
import torch

from handshape.studies.feature_space import find_space


def test_find_space__directions_of_known_spread() -> None:
    torch.manual_seed(0)
    spread = torch.tensor([5.0, 2.0, 0.5])
    axes = torch.linalg.qr(torch.randn(60, 3))[0].T
    codes = 4 + (torch.randn(50, 3) * spread) @ axes
    space = find_space(codes, 10)
    assert len(space.axes) == 10
    # Within the three directions in which codes differ, and nothing beyond them.
    assert torch.allclose(space.axes[:3] @ space.axes[:3].T, torch.eye(3), atol=1e-4)
    assert torch.allclose(space.axes[:3] @ axes.T @ axes, space.axes[:3], atol=1e-3)
    assert space.deviations[0] > space.deviations[1] > space.deviations[2] > 0.3
    assert space.deviations[3:].max() < 1e-3
    assert torch.allclose(space.shorten(codes, 3), codes, atol=1e-3)
    errors = [(space.shorten(codes, width) - codes).square().mean().item() for width in (1, 2, 3)]
    assert errors[0] > errors[1] > errors[2]


def test_find_space__fewer_photos_than_asked_for() -> None:
    assert find_space(torch.randn(4, 20), 128).axes.shape == (3, 20)
    assert find_space(torch.ones(4, 20), 2).deviations.tolist() == pytest.approx([0, 0], abs=1e-5)
