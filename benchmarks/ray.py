"""Extraction on a Ray cluster of this machine's cores: its cost beside the local engine, and how it scales.

Run ``python -m benchmarks.ray``. It draws 2,000 hands and makes further photos of them by writing a number
behind the end of each JPEG: another content for the cache, the same work for everyone. Ray's cluster is
started before the clock is. With ``--photos DIR`` hands that were drawn before are taken.
"""

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import torch

from benchmarks.measure import TABLE, alternate, heading, operations, time_of
from handshape.cache.commits import COMMIT, Commits
from handshape.cache.table import CacheTable
from handshape.cluster import join_cluster
from handshape.commands.features import features
from handshape.config.train import BackboneConfig
from handshape.config.use import FeaturesConfig
from handshape.data.images.decode import decode_image
from handshape.data.images.prepared import InMemoryImages, content_digest
from handshape.features.extract import features_table, make_extractor
from handshape.models.backbones.registry import load_backbone
from handshape.models.hand.hand_finder import HandFinder
from handshape.synthetic.dataset import draw_dataset
from handshape.synthetic.poses import ALPHABET
from handshape.threads import set_threads

_SIGNERS = 10
_SIZES = (1, 100, 1_000, 5_000, 20_000, 50_000)
_PROJECTED = (100_000, 300_000, 1_000_000)
# Photos of which the parts of the work are timed, one after another on one core, and commits likewise.
_TIMED, _COMMITS = 1_000, 20
# Places along each axis that features are averaged over: the default of every command.
_POOL = 4
# A GPU's rate on convolutions of this size, for want of one to measure: float32 operations a second.
_ASSUMED = 1e13


def main() -> None:
    """Print what Ray costs, the parts of the work, and the table of sizes."""
    parser = argparse.ArgumentParser(description="extraction with Ray")
    parser.add_argument("--photos", type=Path, help="folder of drawn hands (default: they are drawn)")
    parser.add_argument("--drawn", type=int, default=2_000, help="hands to draw")
    parser.add_argument("--backbone", default="handnet")
    parser.add_argument("--pairs", type=int, default=2, help="runs of each engine")
    parser.add_argument("--overhead", type=int, default=20_000, help="photos of each of these runs")
    parser.add_argument("--sizes", type=int, nargs="*", default=_SIZES, help="photos of the table's rows")
    parser.add_argument("--commits", type=int, default=_PROJECTED[-1] // COMMIT, help="to grow a cache by")
    asked = parser.parse_args()
    print(heading(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        photos = asked.photos or _draw(place / "drawn", asked.drawn)
        parts = _parts(photos, asked.backbone, asked.commits, place)
        with _cluster():
            _run("ray", _copies(photos, 100, place / "warm"), asked.backbone, place / "warm-cache")
            if asked.pairs:
                _overhead(photos, asked.overhead, asked.backbone, asked.pairs, place)
            _sizes(photos, asked.backbone, asked.sizes, parts, place)


@dataclass(frozen=True)
class Parts:
    """What the parts of the work take.

    Args:
        core: Seconds of one core for a photo: reading, finding its hand, preparing, network.
        operations: Floating-point operations of the network on a photo.
        commit: Seconds of the one writer for a commit to a new table.
        growth: Seconds that a commit takes longer for each commit before it.
    """

    core: float
    operations: int
    commit: float
    growth: float


@contextmanager
def _cluster() -> Iterator[None]:
    start = time.perf_counter()
    with join_cluster(None):
        print(f"\nThe cluster started in {time.perf_counter() - start:.1f} s.")
        yield


def _draw(folder: Path, number: int) -> Path:
    each = -(-number // (len(ALPHABET) * _SIGNERS))
    draw_dataset(folder, ALPHABET, signers=_SIGNERS, images=each, workers=os.cpu_count() or 1)
    return folder


def _files(photos: Path) -> list[Path]:
    return sorted(photos.glob("*/*.jpg"))


def _copies(photos: Path, number: int, folder: Path) -> Path:
    """Make so many photos, no two alike, out of fewer; links to what was drawn as long as there is some."""
    files = _files(photos)
    for place in range(number):
        drawn = files[place % len(files)]
        copy = folder / drawn.parent.name / f"{place // len(files)}-{drawn.name}"
        copy.parent.mkdir(parents=True, exist_ok=True)
        if place < len(files):
            os.link(drawn, copy)
        else:
            copy.write_bytes(drawn.read_bytes() + place.to_bytes(4, "big"))
    return folder


def _run(engine: Literal["local", "ray"], photos: Path, backbone: str, cache: Path) -> None:
    features(
        FeaturesConfig(
            data=str(photos),
            engine=engine,
            backbone=backbone,
            weights=_weights(backbone),
            cache=cache,
            pool=_POOL,
            views=0,
        )
    )


def _weights(backbone: str) -> str | None:
    return None if backbone == "handnet" or "HANDSHAPE_WEIGHTS" in os.environ else "untrained"


def _overhead(photos: Path, number: int, backbone: str, pairs: int, place: Path) -> None:
    chosen = _copies(photos, number, place / "chosen")
    stores = (place / f"cache-{run}" for run in count())

    def run(engine: Literal["local", "ray"]) -> None:
        cache = next(stores)
        _run(engine, chosen, backbone, cache)
        shutil.rmtree(cache)

    found = alternate(lambda: run("local"), lambda: run("ray"), pairs)
    print(f"\n{TABLE.replace('handshape', 'local').replace('peer', 'Ray')}")
    print(
        found.row(
            f"{backbone}, {number:,} drawn hands, files to rows in the cache; Ray's time over local", 1.25
        )
    )
    each = " ".join(f"{ours:.1f}/{theirs:.1f}" for ours, theirs in zip(found.ours, found.theirs, strict=True))
    print(f"\nSeconds of each pair, local/Ray: {each}", flush=True)
    shutil.rmtree(chosen)


def _parts(photos: Path, backbone_name: str, commits: int, place: Path) -> Parts:
    """Time the parts of the work: on one core those of a photo, and the writer's commits."""
    torch.set_num_threads(1)
    backbone = load_backbone(backbone_name, _weights(backbone_name))
    extractor = make_extractor(backbone, BackboneConfig(pool=_POOL), torch.device("cpu"))
    read = [path.read_bytes() for path in _files(photos)[:_TIMED]]
    prepared = np.empty((len(read), *[backbone.preprocessing.size] * 2, 3), np.uint8)
    digests, finder = [content_digest(data) for data in read], HandFinder()

    def prepare() -> None:
        for number, data in enumerate(read):
            content_digest(data)
            pixels = decode_image(data)[0]
            finder.find_with_mirrored(pixels)
            prepared[number] = backbone.preprocessing.prepare(pixels)

    images, order = InMemoryImages(prepared), np.arange(len(read))
    graph = extractor.open(place, images)
    preparing = time_of(prepare) / len(read)
    set_threads(1)
    running = time_of(lambda: list(extractor.run(graph, images, digests, order, 0))) / len(read)
    work = operations(backbone.body, torch.zeros(1, 3, *[backbone.preprocessing.size] * 2))
    width = int(np.prod(extractor.shape))
    commit = _commit_seconds(extractor.table(place / "writing"), width)
    # What grows with the number of commits is not their bytes: narrow rows save a disk of this size.
    narrow = CacheTable(place / "narrow", {"features": pa.list_(pa.float16(), 8)}, {})
    first = _commit_seconds(narrow, 8)
    for number in range(commits - _COMMITS):
        _commit(narrow, 8, _COMMITS + number)
    growth = max(0.0, _commit_seconds(narrow, 8, commits) - first) / max(1, commits)
    print(
        f"\nOn one core, {len(read):,} photos in memory: {1000 * preparing:.2f} ms a photo to digest, decode"
    )
    print(f"and prepare, {1000 * running:.2f} ms for the network ({work / 1e6:.0f} million operations). The")
    print(f"writer: {1000 * commit:.1f} ms for a commit of {COMMIT} rows of {2 * width:,} bytes,")
    print(f"{1000 * growth * commits:.1f} ms more after {commits:,} commits.", flush=True)
    return Parts(preparing + running, work, commit, growth)


def _commit_seconds(table: CacheTable, width: int, number: int = 0) -> float:
    def write() -> None:
        for later in range(_COMMITS):
            _commit(table, width, number + later)

    return time_of(write) / _COMMITS


def _commit(table: CacheTable, width: int, number: int) -> None:
    digests = [f"{number * COMMIT + row:032x}" for row in range(COMMIT)]
    Commits(table).add(digests, features_table(np.zeros((COMMIT, width), np.float16)))


def _sizes(photos: Path, backbone: str, sizes: list[int], parts: Parts, place: Path) -> None:
    cores = os.cpu_count() or 1
    print("\n| photos | seconds | photos/s | read | kept | core-hours | GPU-hours (projected) | |")
    print("|---|---|---|---|---|---|---|---|")
    seconds = []
    for number in sizes:
        chosen, cache = _copies(photos, number, place / f"photos-{number}"), place / f"kept-{number}"
        start = time.perf_counter()
        _run("ray", chosen, backbone, cache)
        seconds.append(time.perf_counter() - start)
        read, kept = _bytes(chosen), _bytes(cache / "features")
        _row(number, seconds[-1], read, kept, cores, parts, "measured")
        shutil.rmtree(cache)
        shutil.rmtree(chosen)
    if len(sizes) < 2:
        return
    # Relative errors count, or the largest size alone would decide.
    weights = 1 / np.array(seconds)
    matrix = np.stack([np.ones(len(sizes)), np.array(sizes)], axis=1) * weights[:, None]
    (begin, each), *_ = np.linalg.lstsq(matrix, np.ones(len(sizes)), rcond=None)
    for number in _PROJECTED:
        # Commits that grow are the one thing here that is not in proportion; half of the last's on average.
        growing = parts.growth * (number / COMMIT) ** 2 / 2 / cores
        share = number / sizes[-1]
        _row(number, begin + each * number + growing, read * share, kept * share, cores, parts, "projected")
    writer = COMMIT / (parts.commit + parts.growth * _PROJECTED[-1] / COMMIT)
    grown = 1000 * parts.growth
    print(
        f"\nModel: {begin:.2f} s + {1000 * each:.3f} ms a photo + {grown:.4f} ms commits\u00b2 / {2 * cores}."
    )
    print(f"First to saturate: the {cores} cores, at most {1 / parts.core:,.0f} photos/s each. Then the one")
    print(f"writer: {COMMIT / parts.commit:,.0f} rows/s at first, {writer:,.0f} after {_PROJECTED[-1]:,},")
    print(f"as much as {writer * parts.core:,.0f} such cores extract. GPU-hours: the network's operations at")
    print(f"{_ASSUMED:.0e} a second, which is assumed, not measured; reading stays on processors.")


def _row(number: int, seconds: float, read: float, kept: float, cores: int, parts: Parts, how: str) -> None:
    gpu = number * parts.operations / _ASSUMED / 3600
    figures = f"{number / seconds:,.0f} | {read / 1e6:,.1f} MB | {kept / 1e6:,.1f} MB"
    print(
        f"| {number:,} | {seconds:,.1f} | {figures} | {cores * seconds / 3600:.4f} | {gpu:.5f} | {how} |",
        flush=True,
    )


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
