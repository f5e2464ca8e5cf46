"""Products of polynomials from their values at points: the matrices behind Winograd's convolutions."""

from collections.abc import Sequence
from fractions import Fraction
from math import prod

import torch
from torch import Tensor


def transforms(outputs: int, points: Sequence[Fraction]) -> tuple[Tensor, Tensor, Tensor]:
    """Return the matrices of a kernel on a row of inputs: ``out @ ((at @ kernel) * (into @ inputs))``.

    Args:
        outputs: m, first places of the kernel on m + r - 1 inputs.
        points: P = m + r - 2 different numbers for a kernel of r taps; infinity joins them.

    Returns:
        ``into`` (P + 1, P + 1), ``at`` (P + 1, r) and ``out`` (m, P + 1), float64.

    Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016; Blahut, Fast
    Algorithms for Signal Processing, 2010, 5.2 (Cook and Toom), transposed.
    """
    taps = len(points) + 2 - outputs
    others = [[other for other in points if other != point] for point in points]
    scales = [prod((p - q for q in some), start=Fraction(1)) for p, some in zip(points, others, strict=True)]
    values = zip(_powers(points, taps), [*scales, Fraction(1)], strict=True)
    at = [[value / scale for value in row] for row, scale in values]
    into = [*([*_coefficients(some), Fraction()] for some in others), _coefficients(points)]
    return _matrix(into), _matrix(at), _matrix(_powers(points, outputs)).T.contiguous()


def _powers(points: Sequence[Fraction], count: int) -> list[list[Fraction]]:
    """Return what each coefficient of a polynomial counts for at each point and, last, at infinity."""
    infinity = [Fraction()] * (count - 1) + [Fraction(1)]
    return [*([point**power for power in range(count)] for point in points), infinity]


def _coefficients(roots: Sequence[Fraction]) -> list[Fraction]:
    """Return the coefficients, lowest first, of the polynomial with these roots that ends in 1."""
    found = [Fraction(1)]
    for root in roots:
        found = [up - root * own for up, own in zip([Fraction(), *found], [*found, Fraction()], strict=True)]
    return found


def _matrix(rows: Sequence[Sequence[Fraction]]) -> Tensor:
    return torch.tensor([[float(value) for value in row] for row in rows], dtype=torch.float64)
