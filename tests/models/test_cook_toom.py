from fractions import Fraction

import pytest
import torch

from handshape.models.cook_toom import transforms
from handshape.models.winograd import POINTS, TILE


@pytest.mark.parametrize(
    ("outputs", "points"),
    [
        (1, (Fraction(0),)),
        (2, (Fraction(0), Fraction(1), Fraction(-1))),
        (4, tuple(map(Fraction, (0, 1, -1, 2, -2)))),
        *((TILE, points) for points in POINTS.values()),
    ],
)
def test_transforms__give_the_places_of_a_kernel_on_its_inputs(
    outputs: int, points: tuple[Fraction, ...]
) -> None:
    into, at, out = transforms(outputs, points)
    taps = len(points) + 2 - outputs
    assert into.shape == (len(points) + 1,) * 2
    assert (at.shape, out.shape) == ((len(points) + 1, taps), (outputs, len(points) + 1))
    random = torch.Generator().manual_seed(0)
    kernel = torch.randn(taps, generator=random, dtype=torch.float64)
    inputs = torch.randn(outputs + taps - 1, generator=random, dtype=torch.float64)
    torch.testing.assert_close(
        out @ ((at @ kernel) * (into @ inputs)), inputs.unfold(0, taps, 1) @ kernel, rtol=1e-11, atol=1e-11
    )


def test_transforms__are_those_of_the_paper() -> None:
    """F(2, 3) of Lavin and Gray, equation 7; rows of inputs and kernels may change their sign together."""
    into, at, out = transforms(2, tuple(map(Fraction, (0, 1, -1))))
    paper_into = torch.tensor([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]]).double()
    paper_at = torch.tensor([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]]).double()
    paper_out = torch.tensor([[1, 1, 1, 0], [0, 1, -1, -1]]).double()
    for own, theirs in ((into[0], paper_into[0]), (into[1], paper_into[1]), (into[2], paper_into[2])):
        assert torch.equal(own, theirs) or torch.equal(own, -theirs)
    product = torch.einsum("ip,pt,pq->itq", out, at, into)
    torch.testing.assert_close(product, torch.einsum("ip,pt,pq->itq", paper_out, paper_at, paper_into))
