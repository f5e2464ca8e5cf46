"""A worker process of a cluster: holds the backbone, and turns blocks of photos into rows for the cache.

Ray is an extra: only code that has checked that it is installed imports this module.
"""

from typing import Any

import numpy as np
import pyarrow as pa
import ray
from numpy.typing import NDArray

from handshape.data.images.prepared import InMemoryImages
from handshape.features.extract import features_table
from handshape.features.photo_reader import spread
from handshape.inference.engine import Graph
from handshape.threads import set_threads


def read_photos(photos: pa.Table, reader: Any) -> pa.Table:
    """Read a block of photos; the reader is a reference."""
    set_threads(1)  # each worker has a core
    return ray.get(reader)(photos)


def view_column(view: int) -> str:
    """Return the name of the column with the features of one view."""
    return f"view {view}"


class BlockWorker:
    """Holds the backbone in a process of its own.

    Args:
        extractor: Reference to backbone, pooling and views, and to the backbone's graph.
        views: Views of each photo beside the photo itself.
        tries: Counts how often a block was begun.
        reader: Reference to what reads the photos, where they are not read yet.
    """

    def __init__(self, extractor: Any, views: int, tries: Any, reader: Any) -> None:
        self._extractor, graph = ray.get(extractor)
        self._graph = None if graph is None else Graph(graph)
        self._views, self._tries = views, tries
        self._reader = None if reader is None else ray.get(reader)

    def __call__(self, photos: pa.Table) -> pa.Table:
        """Return photos with the features of each view in place of their pixels; of a deadly block, none."""
        set_threads(1)  # each worker has a core
        if not ray.get(self._tries.begin.remote(photos["index"][0].as_py())):
            photos = photos.slice(0, 0)
        read = photos if self._reader is None else self._reader(photos)
        wanted = read["pixels"].is_valid().to_numpy()
        side = self._extractor.backbone.preprocessing.size
        pixels = [np.frombuffer(one.as_buffer(), np.uint8) for one in read["pixels"].filter(wanted)]
        images = np.reshape(np.array(pixels, np.uint8), (-1, side, side, 3))
        digests = read["digest"].filter(wanted).to_pylist()
        found = {name: read[name] for name in ("index", "digest", "reason", "hand")}
        for view in range(1 + self._views):
            rows = features_table(self._features(images, digests, view))
            found[view_column(view)] = spread(rows, wanted)
        return pa.table(found)

    def _features(self, images: NDArray[np.uint8], digests: list[str], view: int) -> NDArray[np.float16]:
        features = np.empty((len(images), int(np.prod(self._extractor.shape))), np.float16)
        order = np.arange(len(images))
        for batch, rows in self._extractor.run(self._graph, InMemoryImages(images), digests, order, view):
            features[batch] = rows
        return features
