"""Probabilities from logits, and the temperature that makes them likeliest. No torch."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax


def probabilities_of(logits: ArrayLike, temperature: float = 1.0) -> NDArray[np.float32]:
    """Turn logits into probabilities.

    Args:
        logits: (N, K) floats, an array or a tensor on the CPU.
        temperature: Logits are divided by it first; above 1 lowers the confidence.

    Returns:
        (N, K) float32; rows sum to 1.
    """
    rows: NDArray[np.float32] = softmax(np.asarray(logits, dtype=np.float64) / temperature, axis=1)
    return rows.astype(np.float32)


def likeliest_temperature(
    logits: NDArray[np.floating[Any]], classes: NDArray[np.int64], bounds: tuple[float, float]
) -> tuple[float, float]:
    """Find the temperature at which photos are most likely.

    One imaginary mistake is added: an average photo whose true class was the best of the wrong ones. Without
    it, photos that are all classified correctly would ask for boundless confidence, which N photos cannot
    support. Among many photos it weighs 1/N and does nothing.

    Args:
        logits: (N, K) floats, K at least 2.
        classes: (N,) int64 in [0, K), the true classes.
        bounds: Least and greatest temperature.

    Returns:
        The temperature, and the mean negative log-likelihood there in nats, the mistake counted in.

    Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017; the added mistake is additive
    smoothing as in Platt, Probabilistic Outputs for Support Vector Machines, 1999, for targets.
    """
    scores, rows = logits.astype(np.float64), np.arange(len(classes))
    wrong = scores.copy()
    wrong[rows, classes] = -np.inf
    best_wrong = wrong.argmax(axis=1)

    def cost(log_temperature: float) -> float:
        logs = log_softmax(scores / np.exp(log_temperature), axis=1)
        return -float(logs[rows, classes].sum() + logs[rows, best_wrong].mean()) / (len(classes) + 1)

    found = minimize_scalar(cost, bounds=np.log(bounds), method="bounded")
    return float(np.exp(found.x)), float(found.fun)
