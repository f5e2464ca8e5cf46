"""Extraction on a Ray cluster: many readers, one writer, and nothing lost with a worker but its batch.

Ray is an extra: only code that has checked that it is installed imports this module.
"""

import logging
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import ray
import ray.data
import torch
from numpy.typing import NDArray
from pyarrow.fs import FileSystem
from ray.data import ActorPoolStrategy, DataContext
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from handshape.data.dataset import Dataset, Unreadable
from handshape.data.images.decode import Preprocessing, decode_image
from handshape.data.images.index import none_readable_error, unreadable_error
from handshape.data.images.prepared import InMemoryImages, content_digest
from handshape.data.images.workers import in_order
from handshape.errors import ClusterError, ImageError, UsageError
from handshape.features.extract import Commits, Extractor
from handshape.inference.engine import Graph
from handshape.progress import track
from handshape.threads import set_threads

# Photos of one block: what a lost worker can cost, and what a worker holds at once.
_FEWEST, _MOST = 16, 256
# Blocks for each worker, where there are photos enough: so that all of them end at about the same time.
_BLOCKS = 8
# How often a block is tried: a photo that crashes its worker would do so every time.
_TRIES = 5
# Files that a worker asks for at once where there is a network between: one answer after another, most of the
# time would be spent on waiting.
_AT_ONCE = 16


@dataclass(frozen=True)
class Filled:
    """What a cluster extracted.

    Args:
        digests: Content digest of each photo whose features are in the cache now.
        unreadable: Photos that were left out.
    """

    digests: tuple[str, ...]
    unreadable: tuple[Unreadable, ...]


def device_of_cluster(name: str) -> torch.device:
    """Return where networks run on the cluster that this process has joined.

    Args:
        name: ``auto`` takes CUDA where the cluster has GPUs.

    Raises:
        UsageError: The cluster has none, and was asked for one.
    """
    gpus = ray.cluster_resources().get("GPU", 0)
    if name == "cuda" and not gpus:
        raise UsageError("--device cuda", "a cluster with GPUs", "leave out --device")
    return torch.device("cuda" if gpus and name != "cpu" else "cpu")


def fill_on_cluster(
    extractor: Extractor,
    dataset: Dataset,
    cache: Path,
    *,
    system: FileSystem | None = None,
    views: int = 0,
    strict: bool = False,
) -> Filled:
    """Extract and cache the features of the photos that have none yet, on the cluster that was joined.

    Each photo is decoded once, by the worker that extracts its features; only this process writes, as rows
    come. So a run that was killed continues where it stopped, and a block whose worker was lost is repeated.

    Args:
        extractor: Backbone, pooling and views; it is sent to the workers.
        dataset: Photos, under paths that every worker can read.
        cache: The cache folder, which this process alone uses.
        system: File system of the paths; ``None`` for that of each machine.
        views: Views of each photo beside the photo itself.
        strict: Raise for a photo that cannot be used, instead of leaving it out.

    Returns:
        What was extracted.

    Raises:
        DataError: No photo can be used, or, with ``strict``, one cannot.
        ClusterError: Photos lost their workers again and again; the rows of all others are in the cache.
    """
    extractor.backbone.eval()
    samples = dataset.samples
    if dataset.unreadable and strict:
        raise unreadable_error(dataset.unreadable[0])
    tables = [extractor.table(cache, view) for view in range(1 + views)]
    done = set.intersection(*(table.digests(view) for view, table in enumerate(tables)))
    reader = _Reader(system, extractor.backbone.preprocessing, np.sort(np.array(sorted(done), dtype="S32")))
    commits = [Commits(table, view) for view, table in enumerate(tables)]
    # Workers have working folders of their own.
    here = [sample.path.absolute() if system is None else sample.path for sample in samples]
    paths = [os.fsencode(path) for path in here]
    digests, bad = dict[int, str](), dict[int, Unreadable]()
    lost = set(range(len(samples)))
    try:
        with track("Extracting features", len(samples)) as advance:
            for block in _blocks(paths, extractor, cache, reader, views):
                lost.difference_update(block["index"].to_pylist())
                for index, reason in _left_out(block):
                    bad[index] = Unreadable(samples[index].name, samples[index].label, reason)
                    if strict:
                        raise unreadable_error(bad[index])
                fine = block.filter(pc.is_null(block["reason"]))
                digests |= zip(fine["index"].to_pylist(), fine["digest"].to_pylist(), strict=True)
                for view, commit in enumerate(commits):
                    _commit(fine, view, commit)
                advance(len(block))
    finally:
        for commit in commits:
            commit.now()  # after an error, too: what is done is done
    for table in tables:
        table.compact()
    if lost:
        raise _lost([samples[index].name for index in sorted(lost)])
    unreadable = *dataset.unreadable, *(bad[index] for index in sorted(bad))
    if not digests:
        raise none_readable_error(dataset.root, unreadable)
    return Filled(tuple(digests[index] for index in sorted(digests)), unreadable)


def _blocks(
    paths: list[bytes], extractor: Extractor, cache: Path, reader: "_Reader", views: int
) -> Iterator[pa.Table]:
    """Read photos, run the backbone over them, and yield blocks of rows as they are done."""
    if not paths:
        return
    context = DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    on_gpus = extractor.device.type == "cuda"
    workers = int(ray.cluster_resources().get("GPU" if on_gpus else "CPU", 1))
    size = min(max(len(paths) // (workers * _BLOCKS), _FEWEST), _MOST)
    blocks = -(-len(paths) // size)
    workers = min(workers, blocks)
    items = [{"index": index, "path": path} for index, path in enumerate(paths)]
    photos: ray.data.Dataset = ray.data.from_items(items, override_num_blocks=blocks)
    whole: dict[str, Any] = {"batch_size": None, "batch_format": "pyarrow"}
    if on_gpus:
        # CPUs decode ahead of the GPUs.
        photos = photos.map_batches(_read, fn_kwargs={"reader": ray.put(reader)}, **whole)
    rows = photos.map_batches(
        _Worker,
        # On CPUs, pixels never leave the process that decoded them: moving them costs more than decoding.
        fn_constructor_args=(
            ray.put((extractor, extractor.graph(cache))),
            views,
            _count_tries(),
            None if on_gpus else ray.put(reader),
        ),
        compute=ActorPoolStrategy(min_size=1, max_size=workers, initial_size=workers),
        num_gpus=int(on_gpus),
        num_cpus=int(not on_gpus),
        **whole,
    )
    try:
        yield from rows.iter_batches(batch_size=None, batch_format="pyarrow")
    except ray.exceptions.RayError as error:
        raise ClusterError(
            f"a worker failed ({_reason(error)})",
            "the same handshape and the same Python on every node, and photos under the same path",
            "mend that, and run again: what was extracted before is in the cache",
        ) from error


@dataclass(frozen=True)
class _Reader:
    """Decodes, checks and prepares photos.

    Args:
        system: File system of the paths; ``None`` for that of the machine.
        preprocessing: How they are prepared.
        done: (M,) sorted digests of photos whose features are in the cache.
    """

    system: FileSystem | None
    preprocessing: Preprocessing
    done: NDArray[np.bytes_]

    def __call__(self, photos: pa.Table) -> pa.Table:
        """Return photos with their digests, why some cannot be used, and pixels of those that are wanted."""
        paths = photos["path"].to_pylist()
        with ThreadPoolExecutor(_AT_ONCE) as pool:  # which starts no thread before it is asked to
            remote = self.system is not None
            files = in_order(pool, self._fetch, paths, ahead=_AT_ONCE) if remote else map(self._fetch, paths)
            read = [self._checked(*file) for file in files]
        return pa.table(
            {
                "index": photos["index"],
                "digest": pa.array([one[0] for one in read], pa.string()),
                "reason": pa.array([one[1] for one in read], pa.string()),
                "pixels": pa.array([one[2] for one in read], pa.binary()),
            }
        )

    def _fetch(self, path: bytes) -> tuple[bytes, str | None]:
        try:
            return self._bytes(path), None
        except OSError as error:
            reason = error.strerror or str(error).strip().split("\n")[0]
            return b"", f"cannot be read ({reason})"

    def _checked(self, data: bytes, wrong: str | None) -> tuple[str | None, str | None, bytes | None]:
        if wrong is not None:
            return None, wrong, None
        digest = content_digest(data)
        place = np.searchsorted(self.done, digest.encode())
        if place < len(self.done) and self.done[place] == digest.encode():
            return digest, None, None
        try:
            pixels, _ = decode_image(data)
        except ImageError as error:
            return digest, error.wrong, None
        return digest, None, self.preprocessing.prepare(pixels).tobytes()

    def _bytes(self, path: bytes) -> bytes:
        if self.system is None:
            return Path(os.fsdecode(path)).read_bytes()
        # A name's ending says nothing here: pyarrow would unpack what is called .gz.
        with self.system.open_input_stream(path.decode(), compression=None) as stream:
            return bytes(stream.readall())


def _read(photos: pa.Table, reader: Any) -> pa.Table:
    return ray.get(reader)(photos)


class _Worker:
    """Holds the backbone in a process of its own.

    Args:
        extractor: Reference to backbone, pooling and views, and to the backbone's graph.
        views: Views of each photo beside the photo itself.
        tries: Counts how often a block was begun.
        reader: Reference to what decodes the photos, where they are not decoded yet.
    """

    def __init__(self, extractor: Any, views: int, tries: Any, reader: Any) -> None:
        self._extractor, graph = ray.get(extractor)
        self._graph = None if graph is None else Graph(graph)
        self._views, self._tries = views, tries
        self._reader = None if reader is None else ray.get(reader)

    def __call__(self, photos: pa.Table) -> pa.Table:
        """Return photos with the features of each view in place of their pixels; of a deadly block, none."""
        set_threads(1)  # each worker has a core
        if ray.get(self._tries.begin.remote(photos["index"][0].as_py())) > _TRIES:
            photos = photos.slice(0, 0)
        read = photos if self._reader is None else self._reader(photos)
        wanted = np.flatnonzero(read["pixels"].is_valid().to_numpy())
        side = self._extractor.backbone.preprocessing.size
        pixels = [np.frombuffer(one.as_buffer(), np.uint8) for one in read["pixels"].take(wanted)]
        images = (
            np.reshape(pixels, (len(wanted), side, side, 3)) if pixels else np.empty((0, 0, 0, 3), np.uint8)
        )
        digests = read["digest"].take(wanted).to_pylist()
        found = {"index": read["index"], "digest": read["digest"], "reason": read["reason"]}
        for view in range(1 + self._views):
            rows: list[bytes | None] = [None] * len(read)
            for place, row in self._features(images, digests, view):
                rows[wanted[place]] = row.tobytes()
            found[_column(view)] = pa.array(rows, pa.binary())
        return pa.table(found)

    def _features(
        self, images: NDArray[np.uint8], digests: list[str], view: int
    ) -> Iterator[tuple[int, NDArray[np.float16]]]:
        order = np.arange(len(digests))
        found = self._extractor.run(self._graph, InMemoryImages(images), digests, order, view)
        for batch, rows in found:
            yield from zip(batch.tolist(), rows, strict=True)


class _Tries:
    """Counts how often each block was begun, on the node that everything depends on anyway."""

    def __init__(self) -> None:
        self._begun = Counter[int]()

    def begin(self, block: int) -> int:
        self._begun[block] += 1
        return self._begun[block]


def _count_tries() -> Any:
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return ray.remote(_Tries).options(num_cpus=0, scheduling_strategy=here).remote()


def _column(view: int) -> str:
    return f"view {view}"


def _commit(block: pa.Table, view: int, commits: Commits) -> None:
    fresh = block.filter(block[_column(view)].is_valid())
    if len(fresh):
        rows = np.frombuffer(b"".join(fresh[_column(view)].to_pylist()), np.float16)
        commits.add(fresh["digest"].to_pylist(), rows.reshape(len(fresh), -1))


def _left_out(block: pa.Table) -> Iterator[tuple[int, str]]:
    bad = block.filter(block["reason"].is_valid())
    yield from zip(bad["index"].to_pylist(), bad["reason"].to_pylist(), strict=True)


def _reason(error: Exception) -> str:
    return str(error).strip().split("\n")[-1]


def _lost(names: list[str]) -> ClusterError:
    return ClusterError(
        f"{len(names)} photos lost their workers {_TRIES} times, the first {names[0]!r}",
        "workers with memory enough that stay, and photos that crash none",
        "see Ray's log, and run again: the features of all other photos are in the cache",
    )
