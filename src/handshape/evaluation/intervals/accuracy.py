"""95 % intervals for an accuracy that respect who signed and which shots belong together.

One idea carries all of them: N photos that resemble each other are worth fewer independent ones. With
accuracy p, groups of n_1 ... n_G photos that enter the figure with weights w_g, and intraclass correlation r
(0: photos of a group differ as any others do; 1: a group is all right or all wrong), the figure's variance is

    p (1 - p) * sum_g w_g^2 (r + (1 - r) / n_g)   =   p (1 - p) / M

and M, the *effective number of photos*, goes into Wilson's interval. r is its posterior mean under the
beta-binomial model with p held at the estimate. So r is never exactly 0, and the interval never has zero
width, even if every photo is read right; then, over signers, r is that of a test with one mistake. The
prior on r is Beta(1/2, 2) for signers (mean 0.2), Beta(1/2, 1/4) for bursts (mean 0.67: near-identical
shots tend to be right or wrong together) and Beta(1, 1) for sources (rooms differ more than people).
In place of the normal quantile stands Student's with G + 3 degrees of freedom, for what G groups and the
prior tell of r.

It was chosen by simulation. ``benchmarks/interval_coverage.py`` measures how often this interval and the
usual ones hold the truth (500 repetitions of 395 grouped cases: 20 to 200 bursts, 2 to 30 signers, accuracy
0.6 to 0.98); docs/figures.md has the table. Where 95 % is claimed, the percentile cluster bootstrap falls to
35 %, the cluster-robust t interval to 44 %, Korn and Graubard's design-effect Wilson interval to 68 %, this
one to 92 %, and it errs to the wide side with 2 to 6 signers who are alike. Tried and dropped as well: the t
interval on the logit scale (42 %), an ANOVA estimate of r shrunk to a constant (86 %), the beta-binomial
posterior of p itself (75 %), and normal quantiles (88 % with 3 signers). Where signers are skewed,
most read perfectly and a few badly, this one falls to 84 % too: a test set cannot show a kind of signer that
is not in it.

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

from handshape.evaluation.argument_checks import check_flags
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
        scope: What it speaks of: which other photos would be read this well.
        effective_photos: How many independent photos the photos are worth.
    """

    low: float
    high: float
    method: str
    scope: str
    effective_photos: float

    @property
    def pair(self) -> list[float]:
        """``[low, high]``, as ``metrics.json`` writes it."""
        return [self.low, self.high]


def accuracy_interval(
    correct: NDArray[np.bool_], signers: Groups | None = None, bursts: Groups | None = None
) -> Interval:
    """Bound the accuracy over all photos, by the method that fits what is known about them.

    Two or more signers: groups are signers. One signer, or none known: groups are bursts if given, else every
    photo counts as independent (Wilson).

    Args:
        correct: (N,) bool, whether each photo was read right.
        signers: (N,) signer of each photo, None where unknown.
        bursts: (N,) burst of each photo, None for a photo on its own.

    Returns:
        The interval, with its method and scope; it contains the accuracy.

    Raises:
        ShapeError: correct is not (N,) bool, or signers or bursts are not N.

    Source: see the module.
    """
    check_flags("correct", correct)
    known = group_photos(len(correct), signers, bursts)
    return _interval(correct, known, known.sizes / len(correct), "")


def mean_over_groups_interval(correct: NDArray[np.bool_], signers: Groups) -> Interval:
    """Bound the mean of the signers' accuracies, in which every signer counts the same.

    This is the figure of leave-one-signer-out folds.

    Args:
        correct: (N,) bool, whether each photo was read right by the model that had not seen its signer.
        signers: (N,) signer of each photo.

    Returns:
        The interval, with its method and scope; it contains the mean.

    Raises:
        ShapeError: correct is not (N,) bool, or signers are not N.

    Source: see the module.
    """
    check_flags("correct", correct)
    known = group_photos(len(correct), signers)
    return _interval(correct, known, np.full(known.count, 1 / known.count), ", each counting the same")


def mean_over_sources_interval(
    correct: NDArray[np.bool_], sources: Groups, bursts: Groups | None = None
) -> Interval:
    """Bound the mean of the sources' accuracies, in which every source counts the same.

    Three or more sources: groups are sources. Two cannot show how rooms and cameras differ: groups are then
    bursts within each, and the interval speaks of more photos from those two.

    Args:
        correct: (N,) bool, whether each photo was read right by the model that had not seen its source.
        sources: (N,) source of each photo.
        bursts: (N,) burst of each photo, None for a photo on its own.

    Returns:
        The interval, with its method and scope; it contains the mean.

    Raises:
        ShapeError: correct is not (N,) bool, or sources or bursts are not N.

    Source: see the module.
    """
    check_flags("correct", correct)
    known = group_by_source(len(correct), sources, bursts)
    _, source, sizes = np.unique([str(one) for one in sources], return_inverse=True, return_counts=True)
    weights = known.sums(1 / (len(sizes) * sizes[source]))
    return _interval(correct, known, weights, ", each source counting the same")


def _interval(
    correct: NDArray[np.bool_], known: Grouping, weights: NDArray[np.float64], note: str
) -> Interval:
    right, sizes = known.sums(correct), known.sizes
    # Not a product with the weights: rounded, they may sum to a little more or less than 1.
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
    """Posterior mean of the beta-binomial's intraclass correlation on a grid, its mean held at the estimate.

    Args:
        right: (G,) photos read right per group.
        sizes: (G,) photos per group.
        unit: What a group is; picks the prior.

    Returns:
        The correlation, above 0 and at most 1; exactly 1 for a single group, which cannot show any other.
    """
    if len(sizes) == 1:
        return 1.0
    if unit in ("signer", "source"):
        right = _with_a_difference(right, sizes)
    share = (right.sum() + 0.5) / (sizes.sum() + 1)
    strength = 1 / _CORRELATIONS - 1  # (Q,), alpha + beta of the beta-binomial
    # Many bursts are alike (5 of 5 right): each distinct one is computed once.
    pairs, repeats = np.unique(np.stack([right, sizes], axis=1), axis=0, return_counts=True)
    k, n = pairs[:, :1], pairs[:, 1:]  # (U, 1)
    terms = _log_rising(share * strength, k) + _log_rising((1 - share) * strength, n - k)
    a, b = _PRIORS[unit]
    # The grid is even in logit(r), whose Jacobian r (1 - r) raises both exponents of the Beta density by one.
    log_prior = a * np.log(_CORRELATIONS) + b * np.log1p(-_CORRELATIONS)
    log_posterior = repeats @ (terms - _log_rising(strength, n)) + log_prior
    posterior = np.exp(log_posterior - log_posterior.max())
    return float(posterior @ _CORRELATIONS / posterior.sum())


def _with_a_difference(right: NDArray[np.float64], sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn one photo of the smallest signer round if all are right or all are wrong.

    Such data say nothing about r, and the prior alone would judge a test without a mistake worse than the
    same test with one. The smallest signer makes the interval widest. Bursts keep the prior: a whole burst
    wrong together is what they are expected to show.
    """
    if 0 < right.sum() < sizes.sum():
        return right
    turned = right.copy()
    turned[sizes.argmin()] += 1 if right.sum() == 0 else -1
    return turned


def _log_rising(base: NDArray[np.float64], steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """log(base (base + 1) ... (base + steps - 1))."""
    return cast(NDArray[np.float64], gammaln(base + steps) - gammaln(base))
