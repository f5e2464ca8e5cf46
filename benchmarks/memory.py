"""Peak memory of `handshape features`, 20,000 drawn hands against 2,000, each in a process of its own.

Run ``python -m benchmarks.memory``. A few hundred hands are drawn; the others are the same with a number
behind the end of the JPEG, which makes them other photos for the cache and the same work.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import heading, time_of
from handshape.synthetic.dataset import draw_dataset
from handshape.synthetic.poses import ALPHABET

_COUNTS = (2000, 20_000)
_PROGRAM = """
import resource, sys
from handshape.commands.features import features
from handshape.config.use import FeaturesConfig
folder, cache = sys.argv[1:]
features(FeaturesConfig(data=folder, cache=cache, backbone="handnet", device="cpu"))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def main() -> None:
    """Print both peaks and their ratio."""
    print(heading())
    with tempfile.TemporaryDirectory() as place:
        draw_dataset(Path(place) / "drawn", ALPHABET, signers=5, images=2)
        drawn = [path.read_bytes() for path in sorted((Path(place) / "drawn").glob("*/*.jpg"))]
        peaks = [_peak(drawn, count, Path(place) / str(count)) for count in _COUNTS]
    print(f"| 20,000 photos against 2,000 | {peaks[1] / peaks[0]:.2f}x | at most 1.2x |")


def _peak(drawn: list[bytes], count: int, place: Path) -> float:
    photos = place / "photos"
    for label in "AB":
        (photos / label).mkdir(parents=True)
    for number in range(count):
        data = drawn[number % len(drawn)] + number.to_bytes(4, "big")
        (photos / "AB"[number % 2] / f"{number}.jpg").write_bytes(data)
    told = list[str]()
    command = [sys.executable, "-c", _PROGRAM, str(photos), str(place / "cache")]
    seconds = time_of(
        lambda: told.append(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    )
    megabytes = int(told[0]) / 1024
    print(f"{count:,} photos: {megabytes:,.0f} MB in {seconds:.0f} s", flush=True)
    return megabytes


if __name__ == "__main__":
    main()
