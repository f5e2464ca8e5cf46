"""The difference between two models' accuracies on the same photos.

Both models find the same photos hard, so the difference is known far better than two separate intervals
suggest.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

from handshape.evaluation.intervals.grouping import Grouping, Groups, group_photos
from handshape.evaluation.json_result import JsonResult


@dataclass(frozen=True)
class PairedDifference(JsonResult):
    """How much more accurate the second model is than the first, on the same photos.

    Args:
        difference: Accuracy of the second minus accuracy of the first, a fraction in [-1, 1].
        low: Lower end of its 95 % interval.
        high: Upper end of its 95 % interval.
        method: How the interval was computed.
        scope: What the interval covers, in words.
    """

    difference: float
    low: float
    high: float
    method: str
    scope: str


def compare_paired(
    first: NDArray[np.bool_],
    second: NDArray[np.bool_],
    signers: Groups | None = None,
    bursts: Groups | None = None,
) -> PairedDifference:
    """Return the difference of two accuracies on the same photos with its 95 % interval.

    For independent photos it is the adjusted Wald interval of Bonett and Price, for grouped photos a
    cluster-robust t interval with fewer degrees of freedom for unequal groups, never narrower than the
    former.

    Args:
        first: (N,) bool, whether the first model classified each photo correctly.
        second: (N,) bool, the same for the second model, in the same order.
        signers: (N,) signer of each photo, None where unknown.
        bursts: (N,) burst of each photo, None for a photo on its own.

    Returns:
        The difference, positive if the second model is better, and its interval.

    Source: Bonett and Price, Journal of Educational and Behavioral Statistics 37 (2012) 479-488; Liang and
    Zeger, Biometrika 73 (1986) 13-22 (cluster-robust variance); Kish, Survey Sampling (1965) (effective
    number of groups).
    """
    known = group_photos(len(first), signers, bursts)
    gain = second.astype(np.float64) - first
    # One burst counts as one photo.
    low, high = _adjusted_wald(gain, 1 if known.unit == "burst" and known.count == 1 else len(gain))
    method = "Bonett-Price"
    if known.unit != "photo" and known.count > 1:
        difference, half = float(gain.mean()), _cluster_half_width(gain, known)
        low, high = min(low, difference - half), max(high, difference + half)
        method = f"cluster-robust t over {known.count} {known.unit}s, at least Bonett-Price"
    return PairedDifference(float(gain.mean()), max(low, -1.0), min(high, 1.0), method, known.scope)


def _adjusted_wald(gain: NDArray[np.float64], size: int) -> tuple[float, float]:
    """Bonett and Price's interval for independent photos, which adds one photo to each disagreement.

    Args:
        gain: (N,) 1 where only the second model was correct, -1 where only the first was, else 0.
        size: Number of independent photos.
    """
    up, down = (float((gain == sign).mean() * size + 1) / (size + 2) for sign in (1, -1))
    half = float(norm.ppf(0.975) * np.sqrt((up + down - (up - down) ** 2) / (size + 2)))
    # The added photos move the centre towards 0; the interval must still contain the difference.
    difference = float(gain.mean())
    return min(up - down - half, difference), max(up - down + half, difference)


def _cluster_half_width(gain: NDArray[np.float64], known: Grouping) -> float:
    """Half of the cluster-robust t interval, counting 1 / (sum of squared weights) groups."""
    weights = known.sizes / len(gain)
    residuals = known.sums(gain - gain.mean()) / len(gain)
    concentration = float(weights @ weights)
    variance = float(residuals @ residuals) / (1 - concentration)
    return float(t.ppf(0.975, 1 / concentration - 1) * np.sqrt(variance))
