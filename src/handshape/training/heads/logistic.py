"""The linear head: multinomial logistic regression."""

import time
import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from handshape.models.heads import Head
from handshape.progress import track
from handshape.training.datasets import FeatureRows, LabelledFeatures
from handshape.training.heads.scaling import scale_head
from handshape.training.history import Epoch, accuracy_of

# Strengths of the L2 penalty that are tried, strongest first, for features scaled to a mean square of 1 / D.
STRENGTHS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
_MOST_PASSES, _TOLERANCE = 60, 1e-4
# The logit of a label without photos.
_NEVER = -1e4

Solution = tuple[Tensor, Tensor]
"""(K, D) float32 weights on scaled features and (K,) biases."""


def train_linear(
    head: Head, train: LabelledFeatures, valid: LabelledFeatures, *, without_valid: bool = False
) -> tuple[list[Epoch], Tensor]:
    """Fit a linear head by scikit-learn, the strength of its L2 penalty chosen by validation accuracy.

    Strengths are tried from the strongest to the weakest, each starting from the solution before it. With the
    best one (of equals, the one with the least validation loss) the head is fitted once more on training and
    validation photos together. All features are held in memory.

    Args:
        head: Linear head; scaled and given its weights here.
        train: Features and (N,) int64 classes.
        valid: The same for validation.
        without_valid: Choose by validation, and do not fit to it, for a head that is still to be fine-tuned.

    Returns:
        One row for each strength tried, and the (M, K) logits of the validation photos from the head that was
        not fitted to them.

    Source: scikit-learn, LogisticRegression, with L-BFGS.
    """
    layer = head.layers
    assert isinstance(layer, nn.Linear)  # the caller chose a linear head
    rows, model = _scaled(head, train[0]), _Model(layer.out_features)
    seen = head.scaled(valid[0].read())
    history: list[Epoch] = []
    best, strength_of_best, valid_logits = (-1.0, 0.0), STRENGTHS[0], seen
    with track("Fitting the head", len(STRENGTHS)) as advance:
        for strength in STRENGTHS:
            start = time.perf_counter()
            solution = model.fit(rows, train[1], strength)
            logits = _logits(solution, seen)
            loss, accuracy = _loss_and_accuracy(logits, valid[1])
            if (accuracy, -loss) > best:
                best, strength_of_best, valid_logits = (accuracy, -loss), strength, logits
            row = (
                *_loss_and_accuracy(_logits(solution, rows), train[1]),
                accuracy,
                time.perf_counter() - start,
            )
            history.append(Epoch(len(history) + 1, *row))
            advance(1)
    classes = train[1]
    if not without_valid:
        rows = _scaled(head, FeatureRows(*train[0].parts, *valid[0].parts))
        classes = np.concatenate([train[1], valid[1]])
    weight, bias = _Model(layer.out_features).fit(rows, classes, strength_of_best)
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)
    head.eval()
    return history, valid_logits


class _Model:
    """Logistic regression over all K labels, of which some may have no photo."""

    def __init__(self, labels: int) -> None:
        from sklearn.linear_model import LogisticRegression

        self._labels = labels
        self._model: Any = LogisticRegression(max_iter=_MOST_PASSES, tol=_TOLERANCE, warm_start=True)

    def fit(self, rows: Tensor, classes: NDArray[np.int64], strength: float) -> Solution:
        """Return the solution for one strength of the penalty."""
        from sklearn.exceptions import ConvergenceWarning

        weight, bias = torch.zeros(self._labels, rows.shape[1]), torch.full((self._labels,), _NEVER)
        present = torch.from_numpy(np.unique(classes))
        if len(present) == 1:
            bias[present] = 0.0
            return weight, bias
        scale, model = rows.shape[1] ** -0.5, self._model.set_params(C=1 / (strength * len(rows)))
        with warnings.catch_warnings():  # a weak penalty need not converge: validation decides
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(rows.numpy() * np.float32(scale), classes)
        found, offsets = (torch.from_numpy(of).float() for of in (model.coef_, model.intercept_))
        if len(present) == 2:  # one row of weights, for the second class against the first
            found, offsets = torch.cat([-found, found]) / 2, torch.cat([-offsets, offsets]) / 2
        weight[present], bias[present] = found * scale, offsets
        return weight, bias


def _scaled(head: Head, rows: FeatureRows) -> Tensor:
    scale_head(head, rows)
    return head.scaled(rows.read())


def _logits(solution: Solution, rows: Tensor) -> Tensor:
    weight, bias = solution
    return rows @ weight.T + bias


def _loss_and_accuracy(logits: Tensor, classes: NDArray[np.int64]) -> tuple[float, float]:
    """Return mean cross-entropy and accuracy."""
    return float(F.cross_entropy(logits, torch.from_numpy(classes))), accuracy_of(logits, classes)
