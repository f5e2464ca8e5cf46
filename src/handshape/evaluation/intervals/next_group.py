"""Where the accuracy of one more signer, or source, will probably lie.

The interval of the mean over signers narrows with every signer; what one more person will see does not. The
range is Student's prediction interval for one more value, on the scale y = asin(sqrt((k + 3/8) / (n + 3/4)))
on which the variance of k correct photos of n hardly depends on the accuracy:

    mean(y) +- t(G - 1) * s * sqrt(1 + 1 / G)

with the mean and the standard deviation s of G signers. s holds both the spread between signers and the
chance of n photos. Where 95 % or more are correct, s is at least that chance: few mistakes hide the spread.

It was chosen by simulation: ``benchmarks/next_signer.py``, docs/research/figures.md. The posterior predictive
distribution of a beta-binomial model was tried, too: with three signers who are alike it covers 100 % and is
twice as wide.

Source: Anscombe, Biometrika 35 (1948) 246-254 (the scale); Hahn and Meeker, Statistical Intervals (1991) 4.7.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from handshape.evaluation.json_result import JsonResult

_SHIFT = 3 / 8
_FEW_MISTAKES = 0.95
_FEWEST = 3


@dataclass(frozen=True)
class NextGroup(JsonResult):
    """The 95 % range for the observed accuracy of one more signer or source.

    Args:
        low: Lower end, a fraction.
        high: Upper end, a fraction.
        photos: On how many photos: the median of the signers or sources here.
    """

    low: float
    high: float
    photos: int


def predict_next(correct: NDArray[np.int64], photos: NDArray[np.int64]) -> NextGroup | None:
    """Predict the accuracy that one more signer, or source, will see.

    Args:
        correct: (G,) correctly classified photos of each signer or source.
        photos: (G,) photos of each.

    Returns:
        The range; None for fewer than three, which cannot show how much they differ.

    Source: see the module.
    """
    groups = len(photos)
    if groups < _FEWEST:
        return None
    count = max(1, round(float(np.median(photos))))
    values = np.arcsin(np.sqrt((correct + _SHIFT) / (photos + 2 * _SHIFT)))
    variance = float(values.var(ddof=1))
    if np.mean(correct / photos) >= _FEW_MISTAKES:
        variance = max(variance, 1 / (4 * count + 2))
    half = float(t.ppf(0.975, groups - 1)) * np.sqrt(variance * (1 + 1 / groups))
    ends = np.sin(np.clip([values.mean() - half, values.mean() + half], 0.0, np.pi / 2)) ** 2
    whole = np.rint(np.clip(ends * (count + 2 * _SHIFT) - _SHIFT, 0, count))
    return NextGroup(float(whole[0] / count), float(whole[1] / count), count)
