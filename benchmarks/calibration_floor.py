"""What calibration error luck alone gives, and what the fitted temperature does where valid has no mistake.

Run ``python benchmarks/calibration_floor.py``. The recogniser is perfectly calibrated: the truth is drawn
from the softmax of its own logits. 100 repetitions, seed 0.
"""

import numpy as np

from handshape.evaluation.calibration import calibrated_probabilities, fit_temperature, measure_reliability


def main() -> None:
    """Print both tables."""
    generator = np.random.default_rng(0)
    print("photos | labels | right | error | temperature found for 2, its spread")
    for photos, labels, spread in ((50, 9, 3), (200, 9, 3), (200, 9, 8), (200, 26, 4), (1000, 26, 4)):
        rows = []
        for _ in range(100):
            logits = generator.normal(size=(photos, labels)) * spread
            probabilities = calibrated_probabilities(logits, 1.0)
            truth = (probabilities.cumsum(axis=1) > generator.random((photos, 1))).argmax(axis=1)
            found = measure_reliability(probabilities, truth)
            right = (logits.argmax(axis=1) == truth).mean()
            rows.append([right, found.ece, fit_temperature(2 * logits, truth)])
        right, error, temperature = np.mean(rows, axis=0)
        deviation = np.std(rows, axis=0)[2]
        shares = f"{right:.2f} | {error:.3f}"
        print(f"{photos} | {labels} | {shares} | {temperature:.2f} {deviation:.2f}")
    print("photos, all right | mean doubt after scaling")
    for photos in (5, 50, 500):
        truth = np.arange(photos) % 9
        logits = 10 * np.eye(9)[truth] + generator.normal(size=(photos, 9))
        doubt = 1 - calibrated_probabilities(logits, fit_temperature(logits, truth)).max(axis=1).mean()
        print(f"{photos} | {doubt:.4f}")


if __name__ == "__main__":
    main()
