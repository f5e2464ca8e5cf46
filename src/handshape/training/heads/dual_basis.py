"""Few photos with many features: the same problem with as many numbers as there are photos."""

from dataclasses import dataclass

import torch
from torch import Tensor

# With more photos than this share of the features it costs more than it saves, and above this number its
# triangles in float64 would fill gigabytes.
_SHARE, _MOST = 0.75, 6000
# Added to each photo's product with itself, as a share of their mean: photos which depend on each other, as
# centred ones always do, would make a triangle impossible. The first that float32's rounding allows is taken
# (1e-6, which a thousand photos do not allow, would be a triangle for nothing).
_LIFTS = (1e-5, 1e-4, 1e-3)
# Photos whose products with all that follow them are found at once: few leave little of the upper half, many
# keep the processor busy.
_BLOCK = 256


@dataclass(frozen=True)
class DualBasis:
    """Coordinates in an orthonormal basis of the span of N photos, which is never written down.

    Distances and inner products of what lies in the span stay as they are, and so does the solution of any
    linear classifier with a penalty or covariance that treats all directions outside the span alike. With
    G = A Aᵀ = L Lᵀ of the photos A, the basis is Aᵀ L⁻ᵀ: one product of all photos and a small triangle, in a
    quarter of the time of a QR decomposition of A.

    Args:
        photos: A, (N, D) float32.
        triangle: L, (N, N) float64, lower.
        own: (N, N) float32, the coordinates of the photos themselves: A Aᵀ L⁻ᵀ, which is L.
    """

    photos: Tensor
    triangle: Tensor
    own: Tensor

    @staticmethod
    def pays(count: int, width: int) -> bool:
        """Return whether it is worth its cost for N photos with D features."""
        return count <= min(_SHARE * width, _MOST)

    def coordinates(self, rows: Tensor) -> Tensor:
        """Return (M, N) float32 coordinates of (M, D) float32 rows; what lies outside the span is lost."""
        return _solve(self.triangle, self.photos @ rows.T).T.contiguous()

    def weights(self, short: Tensor) -> Tensor:
        """Return (K, D) float32 weights that give to rows what (K, N) float32 ones give to coordinates."""
        dual: Tensor = torch.linalg.solve_triangular(self.triangle.T, short.T.double(), upper=True)
        return dual.T.float() @ self.photos


def dual_basis(photos: Tensor) -> DualBasis | None:
    """Return the basis of the span of (N, D) float32 photos, or ``None`` where all of them are 0."""
    products = _products(photos).double()
    diagonal = products.diagonal()
    size, lifted = float(diagonal.mean()), 0.0
    if not size:
        return None
    for lift in _LIFTS:
        diagonal += (lift - lifted) * size
        triangle, failed = torch.linalg.cholesky_ex(products)
        if not failed:
            break
        lifted = lift
    # As LAPACK leaves it, its columns lie together, and a photo's coordinates all over the memory.
    return DualBasis(photos, triangle, triangle.float().contiguous())


def _products(photos: Tensor) -> Tensor:
    """Return the products of all photos with each other: (N, N), of which only the lower half is meant."""
    # Not numpy's product, which finds half of them by itself: its threads go on waiting for work by spinning
    # for some 30 ms, which torch's then miss.
    products = photos.new_zeros(len(photos), len(photos))
    for start in range(0, len(photos), _BLOCK):
        own = slice(start, start + _BLOCK)
        torch.mm(photos[start:], photos[own].T, out=products[start:, own])
    return products


def _solve(triangle: Tensor, products: Tensor) -> Tensor:
    solved: Tensor = torch.linalg.solve_triangular(triangle, products.double(), upper=False)
    return solved.float()
