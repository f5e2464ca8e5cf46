"""Extraction on a Ray cluster: many readers, one writer, and nothing lost with a worker but its block.

Ray is an extra: only code that has checked that it is installed imports this module.
"""

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import ray
import ray.data
import torch
from pyarrow.fs import FileSystem
from ray.data import ActorPoolStrategy, DataContext, ExecutionResources

from handshape.cache.commits import Commits
from handshape.data.dataset import Dataset, Unreadable
from handshape.data.images.index import none_readable_error, unreadable_error
from handshape.errors import ClusterError, UsageError
from handshape.features.block_tries import count_tries
from handshape.features.block_worker import BlockWorker, read_photos, view_column
from handshape.features.extract import Extractor
from handshape.features.hand_landmarks import HandCache
from handshape.features.photo_reader import Digests, PhotoReader, gathered
from handshape.progress import track

# Photos of one block: what a lost worker can cost, and what a worker holds at once.
_FEWEST, _MOST = 16, 256
# Blocks for each core, where there are photos enough: so that all of them end at about the same time.
_BLOCKS = 8
# Blocks for each core that are begun, or done and not written yet. Workers wait for a writer that is slower:
# so memory is bounded, and so is what is lost with the writer.
_AHEAD = 4
# Bytes of a photo in a block beside pixels and features: its hand, digest and index.
_HAND_BYTES = 1_000
# How often a block is tried: a photo that crashes its worker would do so every time.
_TRIES = 5


@dataclass(frozen=True)
class Filled:
    """What a cluster extracted.

    Args:
        digests: Content digest of each photo whose features and hand are in the cache now.
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
    """Cache the features and hands of the photos that have none yet, on the cluster that was joined.

    Each photo is decoded once, by the worker that finds its hand and, on processors, extracts its features.
    Only this process writes, as rows come. So a run that was killed continues where it stopped, and a block
    whose worker was lost is repeated.

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
    tables, hands = [extractor.table(cache, view) for view in range(1 + views)], HandCache(cache)
    with_features = set.intersection(*(table.digests(view) for view, table in enumerate(tables)))
    known = Digests.of(with_features), Digests.of(hands.known())
    reader = PhotoReader(system, extractor.backbone.preprocessing, *known)
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
                    _keep(fine, view_column(view), commit)
                _keep(fine, "hand", hands)
                advance(len(block))
    finally:
        for commit in commits:
            commit.now()  # after an error, too: what is done is done
        hands.commit()
    for commit in commits:
        commit.end()
    if lost:
        raise _lost([samples[index].name for index in sorted(lost)])
    unreadable = *dataset.unreadable, *(bad[index] for index in sorted(bad))
    if not digests:
        raise none_readable_error(dataset.root, unreadable)
    return Filled(tuple(digests[index] for index in sorted(digests)), unreadable)


def _blocks(
    paths: list[bytes], extractor: Extractor, cache: Path, reader: PhotoReader, views: int
) -> Iterator[pa.Table]:
    """Read photos, run the backbone over them, and yield blocks of rows as they are done."""
    if not paths:
        return
    on_gpus = extractor.device.type == "cuda"
    cores, gpus = (int(ray.cluster_resources().get(kind, 1)) for kind in ("CPU", "GPU"))
    size = min(max(len(paths) // (cores * _BLOCKS), _FEWEST), _MOST)
    blocks = -(-len(paths) // size)
    workers = min(gpus if on_gpus else cores, blocks)
    features = 2 * int(np.prod(extractor.shape)) * (1 + views)
    pixels = 3 * reader.preprocessing.size**2 if on_gpus else 0
    _configure(_AHEAD * min(cores, blocks) * size * (_HAND_BYTES + features + pixels))
    items = [{"index": index, "path": path} for index, path in enumerate(paths)]
    photos: ray.data.Dataset = ray.data.from_items(items, override_num_blocks=blocks)
    whole: dict[str, Any] = {"batch_size": None, "batch_format": "pyarrow"}
    if on_gpus:
        # CPUs decode and find hands ahead of the GPUs.
        photos = photos.map_batches(read_photos, fn_kwargs={"reader": ray.put(reader)}, **whole)
    rows = photos.map_batches(
        BlockWorker,
        # On CPUs, pixels never leave the process that decoded them: moving them costs more than decoding.
        fn_constructor_args=(
            ray.put((extractor, extractor.graph(cache))),
            views,
            count_tries(_TRIES),
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


def _configure(in_flight: int) -> None:
    """Keep Ray Data off the terminal, and what workers have made and nobody has written below some bytes."""
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.resource_limits = ExecutionResources(object_store_memory=in_flight)


def _keep(block: pa.Table, column: str, commits: Commits | HandCache) -> None:
    there = block.filter(block[column].is_valid())
    if len(there):
        commits.add(there["digest"].to_pylist(), gathered(there[column]))


def _left_out(block: pa.Table) -> Iterator[tuple[int, str]]:
    bad = block.filter(block["reason"].is_valid())
    yield from zip(bad["index"].to_pylist(), bad["reason"].to_pylist(), strict=True)


def _reason(error: Exception) -> str:
    return str(error).strip().split("\n")[-1]


def _lost(names: list[str]) -> ClusterError:
    return ClusterError(
        f"{len(names)} photos lost their workers {_TRIES} times, the first {names[0]!r}",
        "workers with memory enough that stay, and photos that crash none",
        "see Ray's log, and run again: what was found in all other photos is in the cache",
    )
