"""95 % intervals of accuracies that allow for photos of the same signer, source or burst.

N photos that resemble each other carry the information of fewer independent ones. With
accuracy p, groups of n_1 ... n_G photos with weights w_g, and intraclass correlation r (0: photos of a group
differ as any others do; 1: a group is all correct or all wrong), the variance of the accuracy is

    p (1 - p) * sum_g w_g^2 (r + (1 - r) / n_g)   =   p (1 - p) / M

and M, the *effective number of photos*, is used in Wilson's interval. r is its posterior mean under the
beta-binomial model with p fixed at the estimate. So r is never exactly 0, and the interval never has zero
width, even if every photo is correct; then, over signers, r is that of a test with one mistake. The
prior on r is Beta(1/2, 2) for signers (mean 0.2), Beta(1/2, 1/4) for bursts (mean 0.67: near-identical
photos tend to be correct or wrong together) and Beta(1, 1) for sources (rooms differ more than people).
The quantile is Student's with G + 3 degrees of freedom, because r is estimated from G groups and the prior.

It was chosen by simulation. ``benchmarks/interval_coverage.py`` measures how often this interval and the
usual ones contain the true accuracy (500 repetitions of 395 grouped cases: 20 to 200 bursts, 2 to 30
signers, accuracy 0.6 to 0.98); docs/research/figures.md has the table. At a nominal 95 %, the percentile
cluster bootstrap covers 35 % in its worst case, the cluster-robust t interval 44 %, Korn and Graubard's
design-effect Wilson interval 68 % and this one 92 %; it is too wide with 2 to 6 signers who are alike. Also
tried: the t interval on the logit scale (42 %), an ANOVA estimate of r shrunk to a constant (86 %), the
beta-binomial posterior of p itself (75 %), and normal quantiles (88 % with 3 signers). With skewed
signers, most perfect and a few bad, this one covers 84 %: a test set cannot show a kind of signer that is
not in it.

Source: Wilson, JASA 22 (1927) 209-212; Kish, Survey Sampling (1965) 5.4 (design effect, effective sample
size); Korn and Graubard, Survey Methodology 24 (1998) 193-201 (effective size in a binomial interval);
Williams, Biometrics 31 (1975) 949-952 (beta-binomial model).
"""

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, gammaln
from scipy.stats import norm, t

from handshape.evaluation.intervals.grouping import (
    Grouping,
    Groups,
    GroupUnit,
    group_by_source,
    group_photos,
)
from handshape.evaluation.json_result import JsonResult

# Beta(a, b) priors on the intraclass correlation, and what they add to the degrees of freedom: chosen by
# simulation, see above.
_PRIORS: dict[GroupUnit, tuple[float, float]] = {
    "signer": (0.5, 2.0),
    "source": (1.0, 1.0),
    "burst": (0.5, 0.25),
}
_PRIOR_FREEDOM = 3
# Intraclass correlations from 0.001 to 0.998, even on the logit scale.
_CORRELATIONS = expit(np.linspace(-7.0, 6.0, 53))


@dataclass(frozen=True)
class Interval(JsonResult):
    """A 95 % interval for an accuracy.

    Args:
        low: Lower end, a fraction.
        high: Upper end, a fraction.
        method: How it was computed.
        scope: What it covers, in words.
        effective_photos: The equivalent number of independent photos.
    """

    low: float
    high: float
    method: str
    scope: str
    effective_photos: float

    @property
    def pair(self) -> list[float]:
        """``[low, high]``, as in ``metrics.json``."""
        return [self.low, self.high]


def accuracy_interval(
    correct: NDArray[np.bool_], signers: Groups | None = None, bursts: Groups | None = None
) -> Interval:
    """Return the interval of the accuracy over all photos.

    With two or more signers, groups are signers. Otherwise groups are bursts if given, else every photo is
    independent (Wilson).

    Args:
        correct: (N,) bool, whether each photo was classified correctly.
        signers: (N,) signer of each photo, None where unknown.
        bursts: (N,) burst of each photo, None for a photo on its own.

    Returns:
        The interval, with its method and scope; it contains the accuracy.

    Source: see the module.
    """
    known = group_photos(len(correct), signers, bursts)
    return _interval(correct, known, known.sizes / len(correct), "")


def mean_over_groups_interval(correct: NDArray[np.bool_], signers: Groups) -> Interval:
    """Return the interval of the mean of the signers' accuracies, each with the same weight.

    Args:
        correct: (N,) bool, whether each photo was classified correctly.
        signers: (N,) signer of each photo.

    Returns:
        The interval, with its method and scope; it contains the mean.

    Source: see the module.
    """
    known = group_photos(len(correct), signers)
    return _interval(correct, known, np.full(known.count, 1 / known.count), ", each with the same weight")


def mean_over_sources_interval(
    correct: NDArray[np.bool_], sources: Groups, bursts: Groups | None = None
) -> Interval:
    """Return the interval of the mean of the sources' accuracies, each with the same weight.

    With three or more sources, groups are sources. With two, groups are bursts within each, and the interval
    covers more photos from those two only.

    Args:
        correct: (N,) bool, whether each photo was classified correctly.
        sources: (N,) source of each photo.
        bursts: (N,) burst of each photo, None for a photo on its own.

    Returns:
        The interval, with its method and scope; it contains the mean.

    Source: see the module.
    """
    known = group_by_source(len(correct), sources, bursts)
    _, source, sizes = np.unique([str(one) for one in sources], return_inverse=True, return_counts=True)
    weights = known.sums(1 / (len(sizes) * sizes[source]))
    return _interval(correct, known, weights, ", each source with the same weight")


def _interval(
    correct: NDArray[np.bool_], known: Grouping, weights: NDArray[np.float64], note: str
) -> Interval:
    right, sizes = known.sums(correct), known.sizes
    # Not a product with the weights: because of rounding, their sum may differ from 1.
    estimate = float(np.average(right / sizes, weights=weights))
    if known.unit == "photo":
        # Relative to the largest, equal weights are 1 and this is N, whatever 1 / N is rounded to.
        relative = weights / weights.max()
        effective = float(relative.sum() ** 2 / (relative**2).sum())
        return _wilson(estimate, effective, norm.ppf(0.975), f"Wilson{note}", known.scope)
    correlation = _intraclass_correlation(right, sizes, known.unit)
    effective = 1 / float((weights**2) @ (correlation + (1 - correlation) / sizes))
    method = f"Wilson on effective photos (beta-binomial) over {known.count} {known.unit}s{note}"
    return _wilson(estimate, effective, t.ppf(0.975, known.count + _PRIOR_FREEDOM), method, known.scope)


def _wilson(share: float, size: float, quantile: float, method: str, scope: str) -> Interval:
    """Wilson's score interval for a share of ``size`` photos, which need not be a whole number."""
    z2 = quantile**2
    centre = (share + z2 / (2 * size)) / (1 + z2 / size)
    half = quantile / (1 + z2 / size) * np.sqrt(share * (1 - share) / size + z2 / (4 * size**2))
    # At 0 and at 1 the formula meets the estimate up to rounding; the interval must contain it.
    low, high = min(max(centre - half, 0.0), share), max(min(centre + half, 1.0), share)
    return Interval(float(low), float(high), method, scope, size)


def _intraclass_correlation(right: NDArray[np.float64], sizes: NDArray[np.float64], unit: GroupUnit) -> float:
    """Posterior mean of the beta-binomial's intraclass correlation on a grid, its mean fixed at the estimate.

    Args:
        right: (G,) correctly classified photos per group.
        sizes: (G,) photos per group.
        unit: What a group is; picks the prior.

    Returns:
        The correlation, above 0 and at most 1; exactly 1 for a single group.
    """
    if len(sizes) == 1:
        return 1.0
    if unit in ("signer", "source"):
        right = _add_one_difference(right, sizes)
    share = (right.sum() + 0.5) / (sizes.sum() + 1)
    strength = 1 / _CORRELATIONS - 1  # (Q,), alpha + beta of the beta-binomial
    # Many bursts are alike (5 of 5 correct): each distinct one is computed once.
    pairs, repeats = np.unique(np.stack([right, sizes], axis=1), axis=0, return_counts=True)
    k, n = pairs[:, :1], pairs[:, 1:]  # (U, 1)
    terms = _log_rising(share * strength, k) + _log_rising((1 - share) * strength, n - k)
    a, b = _PRIORS[unit]
    # The grid is even in logit(r), whose Jacobian r (1 - r) raises both exponents of the Beta density by one.
    log_prior = a * np.log(_CORRELATIONS) + b * np.log1p(-_CORRELATIONS)
    log_posterior = repeats @ (terms - _log_rising(strength, n)) + log_prior
    posterior = np.exp(log_posterior - log_posterior.max())
    return float(posterior @ _CORRELATIONS / posterior.sum())


def _add_one_difference(right: NDArray[np.float64], sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Flip one photo of the smallest signer if all photos are correct or all are wrong.

    Such data do not determine r, and with the prior alone a test without a mistake would get a wider interval
    than the same test with one. Bursts keep the prior, because whole bursts are expected to be wrong
    together.
    """
    if 0 < right.sum() < sizes.sum():
        return right
    turned = right.copy()
    turned[sizes.argmin()] += 1 if right.sum() == 0 else -1
    return turned


def _log_rising(base: NDArray[np.float64], steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """log(base (base + 1) ... (base + steps - 1))."""
    return cast(NDArray[np.float64], gammaln(base + steps) - gammaln(base))
