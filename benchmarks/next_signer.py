"""How often the range for one more signer contains that accuracy: ``python -m benchmarks.next_signer``."""

import argparse
from itertools import product

import numpy as np

from handshape.evaluation.intervals.next_group import predict_next

_SIGNERS, _ACCURACIES = (3, 4, 6, 10, 30), (0.6, 0.8, 0.9, 0.95, 0.98)
_SPREADS, _PHOTOS = (0.0, 0.05, 0.2), (40, 130)


def main() -> None:
    """Print a row for each number of signers and accuracy: lowest and highest coverage, mean width."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=2000)
    repetitions = parser.parse_args().repetitions
    print("| signers | true accuracy | coverage, lowest to highest | mean width |\n|---:|---:|---:|---:|")
    for signers, accuracy in product(_SIGNERS, _ACCURACIES):
        cases = [simulate(signers, accuracy, *rest, repetitions) for rest in product(_SPREADS, _PHOTOS)]
        shares, widths = zip(*cases, strict=True)
        print(
            f"| {signers} | {accuracy} | {100 * min(shares):.1f}-{100 * max(shares):.1f} % | "
            f"{100 * np.mean(widths):.1f} points |",
            flush=True,
        )


def simulate(
    signers: int, accuracy: float, spread: float, photos: int, repetitions: int
) -> tuple[float, float]:
    """Return the share of ranges that contain the accuracy of one more signer, and their mean width."""
    generator = np.random.default_rng([signers, int(100 * accuracy), int(100 * spread), photos])
    inside, width = 0, 0.0
    for _ in range(repetitions):
        own = np.full(signers + 1, accuracy)
        if spread:
            strength = 1 / spread - 1
            own = generator.beta(accuracy * strength, (1 - accuracy) * strength, signers + 1)
        right = generator.binomial(photos, own)
        found = predict_next(right[:-1], np.full(signers, photos))
        assert found is not None
        inside += found.low <= right[-1] / photos <= found.high
        width += found.high - found.low
    return inside / repetitions, width / repetitions


if __name__ == "__main__":
    main()
