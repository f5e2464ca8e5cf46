"""Linear discriminant analysis with a shrunk covariance: a linear head in closed form."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from handshape.models.heads import Head
from handshape.training.datasets import LabelledFeatures
from handshape.training.heads.covariance import Blocks, ClassCovariance
from handshape.training.history import Epoch, accuracy_of
from handshape.training.temperature import likeliest_temperature

# How much of the covariance is replaced by a multiple of the identity of the same trace, most first.
SHRINKAGES = (0.9, 0.7, 0.5, 0.3, 0.1, 0.03, 0.01)
# Logits come out as squared distances in thousands of dimensions; a temperature brings them down.
_TEMPERATURES = (1e-3, 1e6)
# The logit of a label without photos.
_NEVER = -1e4


@dataclass(frozen=True)
class _Chosen:
    shrinkage: float
    temperature: float
    logits: Tensor
    loss: float


def train_lda(
    head: Head, train: LabelledFeatures, valid: LabelledFeatures, *, without_valid: bool = False
) -> tuple[list[Epoch], Tensor]:
    """Fit a linear head by discriminant analysis, its shrinkage chosen by the likelihood of validation.

    Every class gets the same prior: how many photos of a sign were taken says nothing about how often it is
    signed. With the shrinkage of the highest validation likelihood, the head is fitted once more on training
    and validation photos together.

    Args:
        head: Linear head; scaled and given its weights here.
        train: Features and (N,) int64 classes.
        valid: The same for validation.
        without_valid: Choose by validation, and do not fit to it, for a head that is still to be fine-tuned.

    Returns:
        One row for each shrinkage tried, and the (M, K) logits of the validation photos from the head that
        was not fitted to them.

    Source: Friedman, Regularized Discriminant Analysis, JASA 84 (1989); Ledoit and Wolf, A well-conditioned
    estimator for large-dimensional covariance matrices, 2004, for the target of the shrinkage.
    """
    layer = head.layers
    assert isinstance(layer, nn.Linear)  # the caller chose a linear head
    fitted = ClassCovariance(head, layer.out_features)
    fitted.add(*train)
    best, history = _choose(fitted, train, valid)
    if not without_valid:
        fitted.add(*valid)
    weight, bias = fitted.solve(best.shrinkage)
    with torch.no_grad():
        layer.weight.copy_(fitted.weights(weight) / best.temperature)
        layer.bias.copy_((bias / best.temperature).masked_fill(fitted.absent, _NEVER))
    head.eval()
    return history, best.logits


def _choose(
    fitted: ClassCovariance, train: LabelledFeatures, valid: LabelledFeatures
) -> tuple[_Chosen, list[Epoch]]:
    # A validation photo of a label that training lacks cannot be correct; it must not lower all confidences.
    known = ~fitted.absent.numpy()[valid[1]]
    known = known if known.any() else np.ones_like(known)
    own, seen = fitted.coordinates(train[0]), fitted.coordinates(valid[0])
    history: list[Epoch] = []
    best: _Chosen | None = None
    for shrinkage in SHRINKAGES:
        start = time.perf_counter()
        solution = fitted.solve(shrinkage)
        logits = torch.cat([part for _, part in _logits(fitted, solution, seen)])
        temperature, loss = likeliest_temperature(logits.numpy()[known], valid[1][known], _TEMPERATURES)
        if best is None or loss < best.loss:
            best = _Chosen(shrinkage, temperature, logits / temperature, loss)
        row = (
            *_figures(fitted, solution, temperature, own, train[1]),
            accuracy_of(logits, valid[1]),
            time.perf_counter() - start,
        )
        history.append(Epoch(len(history) + 1, *row))
    assert best is not None  # there is at least one shrinkage
    return best, history


def _figures(
    fitted: ClassCovariance,
    solution: tuple[Tensor, Tensor],
    temperature: float,
    blocks: Blocks,
    classes: NDArray[np.int64],
) -> tuple[float, float]:
    """Return the mean loss and the accuracy on the training photos."""
    loss, correct = 0.0, 0.0
    for place, logits in _logits(fitted, solution, blocks):
        targets = torch.from_numpy(classes[place])
        share = len(targets) / len(classes)
        loss += share * float(F.cross_entropy(logits / temperature, targets))
        correct += share * accuracy_of(logits, classes[place])
    return loss, correct


def _logits(
    fitted: ClassCovariance, solution: tuple[Tensor, Tensor], blocks: Blocks
) -> Iterator[tuple[slice, Tensor]]:
    """Yield (B, K) logits by blocks; a class without photos is less likely than all others."""
    weight, bias = solution
    for place, block in blocks:
        logits = block @ weight.T + bias
        least = logits.masked_fill(fitted.absent, torch.inf).min(dim=1, keepdim=True).values
        yield place, torch.where(fitted.absent, least - 1, logits)
