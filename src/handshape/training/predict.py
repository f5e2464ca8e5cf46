"""Running networks over data sets without gradients, and measuring their outputs."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from handshape.data.images.prepared import read_batch
from handshape.inference.batch_retry import ON_A_CORE, Portions
from handshape.training.datasets import FeatureRows, Inputs, Labelled

# Images evaluated at once: more of them would leave the processor's caches. Rows of features are smaller.
_EVALUATION_BATCH, _EVALUATION_ROWS = 32, 512

Measure = Callable[[Tensor, Tensor], Tensor]
"""From B outputs and their targets to a number."""


@dataclass(frozen=True)
class Objective:
    """What is minimised, and what is measured beside it.

    Args:
        loss: Mean loss of a batch.
        metric: Sum over a batch of a figure of each sample, the higher the better.
    """

    loss: Measure
    metric: Measure


def count_correct(logits: Tensor, classes: Tensor) -> Tensor:
    """Return how many of (B, K) logits are largest at their class."""
    return (logits.argmax(dim=1) == classes).float().sum()


CLASSIFICATION = Objective(F.cross_entropy, count_correct)


def evaluate_network(network: nn.Module, inputs: Inputs, classes: NDArray[np.int64]) -> tuple[float, float]:
    """Return mean cross-entropy in nats and accuracy.

    Args:
        network: Put in evaluation mode here.
        inputs: What it is given.
        classes: (N,) int64.
    """
    sums = sums_over(network, Labelled(inputs, classes), np.arange(len(classes)), CLASSIFICATION)
    loss, accuracy = (sums / len(classes)).tolist()
    return loss, accuracy


def predict_logits(network: nn.Module, inputs: Inputs) -> Tensor:
    """Run a network over all its inputs without gradients.

    Args:
        network: Put in evaluation mode here.
        inputs: What it is given.

    Returns:
        (N, K) float32 logits on the CPU.
    """
    predict = _Predictor(network, inputs)
    parts = [predict(read_batch(inputs, batch)) for batch in predict.batches(np.arange(len(inputs)))]
    return torch.cat(parts).clone()


def sums_over(network: nn.Module, data: Labelled, indices: NDArray[np.int64], objective: Objective) -> Tensor:
    """Return (2,) float64, the sums of loss and metric over some of the data."""
    predict, sums = _Predictor(network, data.inputs), torch.zeros(2, dtype=torch.float64)
    for batch in predict.batches(indices):
        inputs, targets = data.__getitems__(batch)
        outputs = predict(inputs)
        loss, metric = float(objective.loss(outputs, targets)), float(objective.metric(outputs, targets))
        sums += torch.tensor([loss * len(batch), metric], dtype=torch.float64)
    return sums


class _Predictor:
    """Runs a network in evaluation mode, in portions that suit the device."""

    def __init__(self, network: nn.Module, inputs: Inputs) -> None:
        # A classifier of scikit-learn has no parameters.
        tensors = chain(network.parameters(), network.buffers())
        self._network, self._place = network.eval(), next(tensors).device
        self._rows = isinstance(inputs, FeatureRows)
        self._portions = Portions(most=None if self._rows or self._place.type != "cpu" else ON_A_CORE)

    def batches(self, indices: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        size = _EVALUATION_ROWS if self._rows else _EVALUATION_BATCH
        return [indices[start : start + size] for start in range(0, len(indices), size)]

    def __call__(self, inputs: Tensor) -> Tensor:
        with torch.inference_mode():
            return self._portions.work(partial(self._run, inputs.to(self._place)), len(inputs))

    def _run(self, inputs: Tensor, cuts: list[slice]) -> Tensor:
        return torch.cat([self._network(inputs[cut]) for cut in cuts]).cpu()
