"""Extraction: files on disk to rows in the cache, against the lesson's one-image loop, in 32 and in 8 bits.

Run ``python -m benchmarks.extract --data DATA``. AlexNet's weights are untrained, which changes no time.
Its graph is made before the clock starts, as it is once for every cache; the export's own time is printed.
"""

import shutil
import statistics
import tempfile
import time
from pathlib import Path

import torch
import torchvision.models

from benchmarks.lesson import Photos, extract, list_photos
from benchmarks.measure import TABLE, alternate, heading, options, time_of
from handshape.config.train import Precision
from handshape.data.augment import Views
from handshape.data.images.index import ImageIndex, index_images
from handshape.data.io.folder import read_folder
from handshape.features.extract import Extractor, features_of, fill_cache
from handshape.models.backbones.registry import Backbone, load_backbone

_CPU = torch.device("cpu")


def main() -> None:
    """Print the table."""
    parser = options("extraction")
    parser.add_argument("--labels", default="ABCDEFGHI", help="letters whose photos are read for times")
    asked = parser.parse_args()
    photos, labels = asked.data / "studio", asked.labels
    torch.manual_seed(0)
    backbone = load_backbone("alexnet", "untrained")
    print(f"{heading()}\n\n{TABLE}")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        _against_the_lesson(photos, labels, backbone, place, asked.pairs, "fp32", 1.8)
        _against_the_lesson(photos, labels, backbone, place, asked.pairs, "int8", 2.5)
        _second_time(photos, labels, backbone, place)


def _scan(photos: Path, cache: Path, labels: str | None) -> ImageIndex:
    cache.mkdir(parents=True, exist_ok=True)
    return index_images(read_folder(photos, labels=labels, signer=r"hand(\d+)_"), cache, measure=False)


def _against_the_lesson(
    photos: Path,
    labels: str,
    backbone: Backbone,
    place: Path,
    pairs: int,
    precision: Precision,
    wanted: float,
) -> None:
    files = list_photos(photos, labels)
    lesson = torchvision.models.alexnet(weights=None).features
    runs = iter(range(1000))
    extractor = Extractor(backbone, None, Views(), _CPU, precision)
    first = place / f"graph-{precision}"
    prepared = _scan(photos, first, ",".join(labels)).images
    print(f"export, {precision}: {time_of(lambda: extractor.graph(first, prepared)):.1f} s", flush=True)

    def ours() -> None:
        cache = place / f"{precision}-{next(runs)}"
        shutil.copytree(first / "graphs", cache / "graphs")
        scan = _scan(photos, cache, ",".join(labels))
        fill_cache(extractor, scan.images, scan.digests, cache)

    found = alternate(ours, lambda: extract(lesson, Photos(files)), pairs)
    print(found.row(f"AlexNet, {precision}, {len(files)} studio photos: files to rows", wanted), flush=True)


def _second_time(photos: Path, labels: str, backbone: Backbone, place: Path) -> None:
    extractor = Extractor(backbone, 4, Views(), _CPU)
    ratios = []
    for run in range(5):
        cache, seconds = place / f"second-{run}", list[float]()
        for _ in range(2):
            scan = _scan(photos, cache, ",".join(labels))
            start = time.perf_counter()
            features_of(extractor, scan.images, scan.digests, cache)
            seconds.append(time.perf_counter() - start)
        ratios.append(seconds[0] / seconds[1])
    spread = f"{min(ratios):.0f}-{max(ratios):.0f}"
    ratio = f"{statistics.median(ratios):.0f}x ({spread})"
    print(f"| feature phase, second run on the same data | | | {ratio} | 20x |", flush=True)


if __name__ == "__main__":
    main()
