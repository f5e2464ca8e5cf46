"""Fail a job of continuous integration where a recogniser's accuracy on new photos is too low.

python check_accuracy.py RECOGNISER PHOTOS LEAST
"""

import sys
from pathlib import Path

import handshape


def main(recogniser: Path, photos: Path, least: float) -> int:
    """Return 0 where the accuracy is at least so high, else 1."""
    report = handshape.evaluate(recogniser, photos)
    low, high = report.interval
    tested = len(report.evaluation.tested)
    print(f"accuracy {report.accuracy:.3f} (95 % interval: {low:.3f} to {high:.3f}) on {tested} photos")
    if report.accuracy >= least:
        return 0
    weakest = report.to_frame()["recall"].idxmin()
    print(f"too low: at least {least} is needed; the weakest label is {weakest}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])))
