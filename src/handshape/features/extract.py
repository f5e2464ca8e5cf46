"""Features of prepared images: from the cache, and extracted where they are not there yet."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from handshape.cache.commits import Commits
from handshape.cache.disk_errors import explain_cache_errors
from handshape.cache.integrity import LostRowsError, read_sealed, until_sound
from handshape.cache.table import CacheTable, lists_of
from handshape.config.train import BackboneConfig, Precision
from handshape.data.augment import MIRRORED, Views, make_views
from handshape.data.images.decode import RESIZED
from handshape.data.images.prepared import PreparedImages, read_batch
from handshape.errors import ExportError, UsageError
from handshape.features.run import Rows, run_graph, run_in_torch
from handshape.inference.engine import Graph
from handshape.inference.graphs import write_graph
from handshape.models.backbones.registry import Backbone
from handshape.models.heads import Pool
from handshape.models.stages import image_graph
from handshape.progress import say, track

# Features up to this many bytes are kept in memory.
IN_MEMORY = 2 * 1024**3


@dataclass(frozen=True)
class Extractor:
    """A frozen backbone, how its features are pooled, and which views of an image it is shown.

    Args:
        backbone: In evaluation mode; never trained here.
        pool: Places along each axis; ``None`` for the backbone's own.
        views: How views of a photo are made beside the photo itself.
        device: Where the backbone runs.
        precision: ``fp32``, ``fp16`` on CUDA, or ``int8`` on the CPU.
    """

    backbone: Backbone
    pool: int | None
    views: Views
    device: torch.device
    precision: Precision = "fp32"

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, p, p) of one image's features."""
        channels, height, width = self.backbone.feature_shape
        return channels, min(self.pool or height, height), min(self.pool or width, width)

    def graph(self, cache: Path, images: "PreparedImages | None" = None) -> bytes | None:
        """Return the graph that the engine runs on the CPU; None where torch runs the backbone.

        Args:
            cache: The cache folder.
            images: Prepared images, on which a graph in 8 bits is calibrated if the cache has none.
        """
        if self.device.type != "cpu":
            return None
        pool = Pool(self.pool, *self.backbone.feature_shape[1:])
        try:
            graph = image_graph(nn.Sequential(self.backbone.cpu(), pool), self.backbone.preprocessing, cache)
        except ExportError as error:
            say(f"torch runs the backbone {self.backbone.name}: {error.wrong}.")
            return None
        return graph if self.precision != "int8" or images is None else _in_8_bits(graph, images, cache)

    def open(self, cache: Path, images: PreparedImages) -> Graph | None:
        """Return the graph, ready to run on images; None where torch runs the backbone."""
        model = self.graph(cache, images)
        return None if model is None else Graph(model)

    def run(
        self,
        graph: Graph | None,
        images: PreparedImages,
        digests: Sequence[str],
        indices: NDArray[np.int64],
        view: int,
    ) -> Iterator[tuple[NDArray[np.int64], Rows]]:
        """Yield indices of B images and their (B, D) float16 features of one view.

        Args:
            graph: Of the backbone; None to run it in torch.
            images: N prepared images.
            digests: N content digests, from which an augmented view is drawn.
            indices: (M,) int64, which of them.
            view: View number.
        """

        def shown(batch: Tensor, which: NDArray[np.int64]) -> Tensor:
            if view == MIRRORED:
                return batch.flip(2)
            return self.views.apply(batch, [digests[i] for i in which], view) if view else batch

        if graph is not None:
            return run_graph(graph, shown, images, indices)
        backbone = self.backbone.to(self.device)
        pool = Pool(self.pool, *backbone.feature_shape[1:]).to(self.device)

        def network(batch: Tensor) -> Tensor:
            with torch.autocast(self.device.type, torch.float16, enabled=self.precision == "fp16"):
                features: Tensor = backbone(backbone.preprocessing.normalise(batch))
            pooled: Tensor = pool(features.float())
            return pooled.flatten(1).half()

        return run_in_torch(network, self.device, shown, images, indices)

    def table(self, cache: Path, view: int = 0) -> CacheTable:
        """Return the cache's table for these features.

        Args:
            cache: The cache folder.
            view: View number; the photo itself and its mirror image are shared by all policies.
        """
        about = {
            "backbone": self.backbone.name,
            "weights": self.backbone.digest,
            "preprocessing": f"{RESIZED} {json.dumps(asdict(self.backbone.preprocessing))}",
            "shape": "x".join(map(str, self.shape)),
            "views": json.dumps(asdict(self.views) if view > 0 else {}),
        }
        if self.precision != "fp32":
            about["precision"] = self.precision
        digest = blake2b(json.dumps(about, sort_keys=True).encode(), digest_size=6).hexdigest()
        width = int(np.prod(self.shape))
        path = cache / "features" / f"{self.backbone.name}-{digest}.lance"
        return CacheTable(path, {"features": pa.list_(pa.float16(), width)}, about)


def make_extractor(backbone: Backbone, options: BackboneConfig, device: torch.device) -> Extractor:
    """Return the extractor that the settings of a command ask for.

    Args:
        backbone: The backbone.
        options: Pooling, views and precision.
        device: Where it runs.

    Raises:
        UsageError: The precision is not one of the device.
    """
    precision = options.precision
    if precision == "fp16" and device.type != "cuda":
        raise UsageError(f"--precision fp16 on {device}", "a CUDA device", "leave out --precision")
    if precision == "int8" and device.type != "cpu":
        raise UsageError(f"--precision int8 on {device}", "--device cpu", "leave out one of them")
    return Extractor(backbone, options.places, make_views(options), device, precision)


def _in_8_bits(graph: bytes, images: PreparedImages, cache: Path) -> bytes:
    """Return a graph in 8 bits, which the first images that it is needed for have calibrated.

    It is kept, so that all features in a cache are of the same graph.
    """
    from handshape.inference.quantise import CALIBRATED, quantise  # slow to import

    file = cache / "graphs" / f"{blake2b(graph, digest_size=12).hexdigest()}-int8.graph"
    quantised = read_sealed(file)
    if quantised is None:
        say("Calibrating 8-bit quantisation")
        shown = np.linspace(0, len(images) - 1, min(len(images), CALIBRATED)).round().astype(np.int64)
        prepared = read_batch(images, shown)
        quantised = quantise(graph, prepared)
        write_graph(file, quantised)
        exact, found = (
            np.concatenate(
                [
                    opened.run(images=one[None].astype(np.float32))["features"].reshape(1, -1)
                    for one in prepared
                ]
            )
            for opened in (Graph(graph), Graph(quantised))
        )
        norms = np.linalg.norm(exact, axis=1) * np.linalg.norm(found, axis=1)
        cosine = float(((exact * found).sum(axis=1) / np.maximum(norms, 1e-12)).mean())
        say(f"Mean cosine similarity of features in 8 and in 32 bits: {cosine:.4f} on {len(shown)} photos.")
    return quantised


def fill_cache(
    extractor: Extractor, images: PreparedImages, digests: Sequence[str], cache: Path, *, view: int = 0
) -> CacheTable:
    """Extract and cache one view's features of the images that have none yet.

    Rows are committed as they are made, so that a run that was killed continues where it stopped.

    Args:
        extractor: Backbone, pooling and views.
        images: N prepared images.
        digests: N content digests.
        cache: The cache folder.
        view: 0 for the photo itself, `MIRRORED` for its mirror image, 1 and up for its augmented views.

    Returns:
        The table that the features are in.
    """
    extractor.backbone.eval()  # before anything else: even asking for the shape shows it an image
    table = extractor.table(cache, view)
    missing = np.flatnonzero(table.rows(digests, view) < 0)
    if len(missing):
        # Copies of one photo are extracted once.
        unique = np.sort(missing[np.unique(np.array(digests)[missing], return_index=True)[1]])
        _extract(extractor, images, digests, unique, table, view, cache)
    return table


def features_of(
    extractor: Extractor, images: PreparedImages, digests: Sequence[str], cache: Path, *, view: int = 0
) -> NDArray[np.float16]:
    """Return one view's features of every image, extracting and caching those that are missing.

    Args:
        extractor: Backbone, pooling and views.
        images: N prepared images.
        digests: N content digests.
        cache: The cache folder.
        view: As for `fill_cache`.

    Returns:
        (N, C, p, p) float16; beyond 2 GiB it lies in a file that is gone with the array.
    """

    def read() -> NDArray[np.float16]:
        table = fill_cache(extractor, images, digests, cache, view=view)
        rows = table.rows(digests, view)
        if (rows < 0).any():  # the cache was cleared meanwhile
            raise LostRowsError
        features = _room_for(len(rows), int(np.prod(extractor.shape)), cache)
        table.read_into(rows, features)
        return features

    return until_sound(read).reshape(len(digests), *extractor.shape)


def features_now(
    extractor: Extractor, images: PreparedImages, digests: Sequence[str], *, view: int = 0, folder: Path
) -> NDArray[np.float16]:
    """Return one view's features of every image without keeping them, for a network that will not last.

    Args:
        extractor: Backbone, pooling and views.
        images: N prepared images.
        digests: N content digests.
        view: As for `fill_cache`.
        folder: Of the cache; features beyond 2 GiB lie there in a file that is gone with the array.

    Returns:
        (N, C, p, p) float16.
    """
    extractor.backbone.eval()
    features = _room_for(len(images), int(np.prod(extractor.shape)), folder)
    graph, every = extractor.open(folder, images), np.arange(len(images))
    with track(f"Running {extractor.backbone.name}", len(images)) as advance:
        for batch, rows in extractor.run(graph, images, digests, every, view):
            features[batch] = rows
            advance(len(batch))
    return features.reshape(len(images), *extractor.shape)


def _room_for(count: int, width: int, cache: Path) -> NDArray[np.float16]:
    if count * width * 2 <= IN_MEMORY:
        return np.empty((count, width), dtype=np.float16)
    size = count * width * 2
    what = f"{size / 1e6:,.1f} MB of features to {str(cache)!r}"
    with explain_cache_errors(what), TemporaryFile(dir=cache) as file:
        if hasattr(os, "posix_fallocate"):
            # On a disk that fills up later, the system would end the process without a word.
            os.posix_fallocate(file.fileno(), 0, size)
        return np.memmap(file, dtype=np.float16, mode="w+", shape=(count, width))


def _extract(
    extractor: Extractor,
    images: PreparedImages,
    digests: Sequence[str],
    missing: NDArray[np.int64],
    table: CacheTable,
    view: int,
    cache: Path,
) -> None:
    which = {0: "", MIRRORED: " of mirrored photos"}.get(view, f" of augmented copy {view}")
    commits = Commits(table, view)
    graph = extractor.open(cache, images)
    try:
        with track(f"Extracting features{which}", len(missing)) as advance:
            for batch, rows in extractor.run(graph, images, digests, missing, view):
                commits.add([digests[i] for i in batch], features_table(rows))
                advance(len(batch))
    finally:
        commits.now()  # after an error, too: what is done is done
    commits.end()


def features_table(rows: Rows) -> pa.Table:
    """Return (N, D) float16 features as rows of the cache's table."""
    return pa.table({"features": lists_of(rows)})
