"""Few photos with many features: the same problem with as many numbers as there are photos."""

import torch
from torch import Tensor

# Above this many photos a rotation costs more than it saves.
_MOST = 2500


def in_span(inputs: Tensor) -> tuple[Tensor, Tensor | None]:
    """Write N < D rows in an orthonormal basis of their own span.

    Distances and inner products stay as they are, and so does the solution of any linear classifier with a
    penalty or covariance that treats all directions outside the span alike.

    Args:
        inputs: (N, D) float32.

    Returns:
        (N, r) float32 and the (D, r) basis with r = N; or the inputs and ``None`` where that would not pay.
    """
    count, width = inputs.shape
    if count >= min(width, _MOST):
        return inputs, None
    basis, triangle = torch.linalg.qr(inputs.T)
    return triangle.T.contiguous(), basis
