"""How often 95 % intervals for an accuracy cover the truth: this project's against the usual ones.

Run ``python benchmarks/interval_coverage.py [REPETITIONS] [UNIT]``: 500 repetitions per case and all units
(photos, bursts, signers, "skewed signers", sources) by default. Test sets are drawn with a known accuracy,
and every interval is judged on the same draws. Seed 0.
"""

import sys
from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import fsolve
from scipy.special import expit, logit
from scipy.stats import binomtest, t

from handshape.evaluation.intervals.accuracy import accuracy_interval, mean_over_sources_interval

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Ends = tuple[float, float]
# Unit, number of groups, their sizes, accuracy, intraclass correlation.
Case = tuple[str, int, str, float, float]

NAMES = ("handshape", "Wilson, ungrouped", "cluster bootstrap", "cluster t", "Korn-Graubard")
ACCURACIES = (0.6, 0.8, 0.9, 0.95, 0.98)


def ours(right: Counts, sizes: Counts, unit: str) -> Ends:
    groups = np.repeat(np.arange(len(sizes)), sizes)
    correct = np.concatenate([np.arange(n) < k for k, n in zip(right, sizes, strict=True)])
    if unit == "sources":
        mean = mean_over_sources_interval(correct, groups)
        return mean.low, mean.high
    found = accuracy_interval(
        correct, groups if unit.endswith("signers") else None, groups if unit == "bursts" else None
    )
    return found.low, found.high


def ungrouped(right: Counts, sizes: Counts, unit: str) -> Ends:
    found = binomtest(int(right.sum()), int(sizes.sum())).proportion_ci(method="wilson")
    return float(found.low), float(found.high)


def bootstrap(right: Counts, sizes: Counts, unit: str, generator: np.random.Generator) -> Ends:
    drawn = generator.integers(0, len(sizes), (500, len(sizes)))
    low, high = np.quantile(right[drawn].sum(axis=1) / sizes[drawn].sum(axis=1), [0.025, 0.975])
    return float(low), float(high)


def _robust_variance(right: Counts, sizes: Counts) -> tuple[float, float]:
    total, count = sizes.sum(), len(sizes)
    share = right.sum() / total
    residuals = right - sizes * share
    return float(share), float(residuals @ residuals) / total**2 * count / (count - 1)


def cluster_t(right: Counts, sizes: Counts, unit: str) -> Ends:
    share, variance = _robust_variance(right, sizes)
    half = t.ppf(0.975, len(sizes) - 1) * np.sqrt(variance)
    return share - half, share + half


def korn_graubard(right: Counts, sizes: Counts, unit: str) -> Ends:
    share, variance = _robust_variance(right, sizes)
    total = float(sizes.sum())
    # Clusters that agree better than chance would count for more photos than there are.
    size = min(share * (1 - share) / variance, total) if variance > 0 else total
    z = t.ppf(0.975, len(sizes) - 1)
    centre = (share + z**2 / (2 * size)) / (1 + z**2 / size)
    half = z / (1 + z**2 / size) * np.sqrt(share * (1 - share) / size + z**2 / (4 * size**2))
    return centre - half, centre + half


def group_sizes(kind: str, count: int, generator: np.random.Generator) -> Counts:
    """Photos per group: bursts of 5, signers of 100, of about 100 (log-normal), or 650, 645, 130, 130."""
    if kind == "log-normal":
        drawn = np.exp(generator.normal(np.log(100), 0.8, count))
        return np.maximum(10, drawn.round()).astype(np.int64)
    repeated = {"1": [1], "5": [5], "100": [100], "studio": [650, 645, 130, 130]}[kind]
    return np.resize(np.array(repeated, dtype=np.int64), count)


@cache
def skewed_law(accuracy: float, correlation: float) -> tuple[float, float]:
    """Mean and log spread, on the logit scale, of the normal law with this accuracy and correlation."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()

    def misses(law: Floats) -> list[float]:
        shares = expit(law[0] + np.exp(law[1]) * nodes)
        mean = weights @ shares
        return [mean - accuracy, weights @ (shares - mean) ** 2 - correlation * accuracy * (1 - accuracy)]

    mean, log_spread = fsolve(misses, [logit(accuracy), 0.0])
    return float(mean), float(log_spread)


def draw(case: Case, sizes: Counts, generator: np.random.Generator) -> Counts:
    """Photos read right per group; the groups' own accuracies follow a beta or a logit-normal law."""
    unit, count, _, accuracy, correlation = case
    own: Floats = np.full(count, accuracy)
    if unit == "skewed signers":
        mean, log_spread = skewed_law(accuracy, correlation)
        own = expit(mean + np.exp(log_spread) * generator.normal(size=count))
    elif correlation > 0:
        strength = 1 / correlation - 1
        own = generator.beta(accuracy * strength, (1 - accuracy) * strength, count)
    return generator.binomial(sizes, own).astype(np.int64)


def cases() -> list[Case]:
    """Every case measured."""
    photos = product(["photos"], (50, 100, 500, 1000), ["1"], ACCURACIES, [0.0])
    bursts = product(["bursts"], (20, 50, 100, 200), ["5"], ACCURACIES, (0.0, 0.3, 0.6, 0.9))
    kinds = ("100", "log-normal", "studio")
    signers = product(["signers"], (2, 3, 4, 6, 10, 20, 30), kinds, ACCURACIES, (0.01, 0.03, 0.1))
    skewed = product(["skewed signers"], (4, 6, 10, 20, 30), kinds, (0.9, 0.95, 0.98), (0.03, 0.1))
    # Rooms differ more than people do: at 60 % their accuracies then spread by 15, 27 and 35 points.
    sources = product(["sources"], (3, 4, 6, 10), ["100"], (0.3, 0.6, 0.9), (0.1, 0.3, 0.5))
    return [*photos, *bursts, *signers, *skewed, *sources]


def coverage(case: Case, repetitions: int, seed: int = 0) -> Floats:
    """Share of repetitions in which each method's interval holds the truth: (methods,) float64."""
    unit, count, kind, accuracy, correlation = case
    generator = np.random.default_rng([seed, count, round(accuracy * 100), round(correlation * 100)])
    hits = np.zeros(len(NAMES))
    for _ in range(repetitions):
        sizes = group_sizes(kind, count, generator)
        right = draw(case, sizes, generator)
        ends = [
            ours(right, sizes, unit),
            ungrouped(right, sizes, unit),
            bootstrap(right, sizes, unit, generator),
            cluster_t(right, sizes, unit),
            korn_graubard(right, sizes, unit),
        ]
        hits += [low <= accuracy <= high for low, high in ends]
    return hits / repetitions


def main(repetitions: int, units: list[str]) -> None:
    """Print a table: least, mean and greatest coverage over the cases of each row."""
    rows: dict[tuple[str, int], list[Floats]] = {}
    for case in (case for case in cases() if case[0] in units):
        rows.setdefault(case[:2], []).append(coverage(case, repetitions))
    print("| test set | cases | " + " | ".join(NAMES) + " |")
    print("|---|---" + "|---" * len(NAMES) + "|")
    for (unit, count), found in rows.items():
        table = 100 * np.array(found)
        cells = [f"{c.min():.0f} / {c.mean():.0f} / {c.max():.0f}" for c in table.T]
        print(f"| {count} {unit} | {len(found)} | " + " | ".join(cells) + " |")
    for unit in units:
        table = np.array([row for key, found in rows.items() if key[0] == unit for row in found])
        inside = ((table >= 0.92) & (table <= 0.98)).mean(axis=0)
        print(
            f"{unit}: share of cases within 92-98 %:", dict(zip(NAMES, inside.round(2).tolist(), strict=True))
        )
        enough = (table >= 0.92).mean(axis=0).round(2).tolist()
        print(f"{unit}: share of cases at 92 % or more:", dict(zip(NAMES, enough, strict=True)))
        print(f"{unit}: least:", dict(zip(NAMES, table.min(axis=0).round(3).tolist(), strict=True)))


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 500,
        sys.argv[2:] or ["photos", "bursts", "signers", "skewed signers", "sources"],
    )
