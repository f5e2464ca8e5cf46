"""Peak memory of `handshape features`, 20,000 drawn photos against 2,000, each in a process of its own.

Run ``python -m benchmarks.memory``. The photos are shapes and noise, 224 pixels high and wide: what is in
them does not change how much memory they take.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.measure import heading

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
    peaks = []
    for count in _COUNTS:
        with tempfile.TemporaryDirectory() as folder:
            photos, cache = Path(folder) / "photos", Path(folder) / "cache"
            _draw(photos, count)
            command = [sys.executable, "-c", _PROGRAM, str(photos), str(cache)]
            finished = subprocess.run(command, check=True, capture_output=True, text=True)
            peaks.append(int(finished.stdout) / 1024)
        print(f"{count:,} photos: {peaks[-1]:,.0f} MB", flush=True)
    ratio = f"{peaks[1] / peaks[0]:.2f}x"
    print(f"| peak memory of extraction, 20,000 photos against 2,000 | {ratio} | at most 1.2x |")


def _draw(folder: Path, count: int) -> None:
    rng = np.random.default_rng(0)
    backgrounds = rng.integers(0, 256, (64, 8, 8, 3), dtype=np.uint8)
    for number in range(count):
        place = folder / "AB"[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(backgrounds[number % 64]).resize((224, 224))
        image.paste((number % 256, number // 256, 90), (20, 20, 120, 160))
        image.save(place / f"{number}.jpg", quality=80)


if __name__ == "__main__":
    main()
