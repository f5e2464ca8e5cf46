"""Features of prepared images: read from the store, and extracted where they are not there yet."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from handshape.data.augment import MIRRORED, Views
from handshape.data.prepared import Images, read_ahead
from handshape.models.backbone import Backbone
from handshape.models.head import Pool
from handshape.progress import track
from handshape.store.table import Table

BATCH = 32


@dataclass(frozen=True)
class Extractor:
    """A frozen backbone, how its features are pooled, and which views of an image it is shown.

    Args:
        backbone: In evaluation mode; never trained here.
        pool: Places along each axis; ``None`` for the backbone's own.
        views: How views of a photo are made beside the photo itself.
        device: Where the backbone runs.
    """

    backbone: Backbone
    pool: int | None
    views: Views
    device: torch.device

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, p, p) of one image's features."""
        channels, height, width = self.backbone.feature_shape
        return channels, min(self.pool or height, height), min(self.pool or width, width)

    def table(self, store: Path, view: int = 0) -> Table:
        """Return the store's table for these features.

        Args:
            store: The store's folder.
            view: View number; the photo itself and its mirror image are shared by all policies.
        """
        about = {
            "backbone": self.backbone.name,
            "weights": self.backbone.digest,
            "preprocessing": json.dumps(asdict(self.backbone.preprocessing)),
            "shape": "x".join(map(str, self.shape)),
            "views": json.dumps(asdict(self.views) if view > 0 else {}),
        }
        digest = blake2b(json.dumps(about, sort_keys=True).encode(), digest_size=6).hexdigest()
        width = int(np.prod(self.shape))
        path = store / "features" / f"{self.backbone.name}-{digest}.lance"
        path.parent.mkdir(parents=True, exist_ok=True)
        return Table(path, {"features": pa.list_(pa.float16(), width)}, about)


def features_of(
    extractor: Extractor, images: Images, digests: Sequence[str], store: Path, *, view: int = 0
) -> NDArray[np.float16]:
    """Return one view's features of every image, extracting and storing those that are missing.

    Rows are committed as they are made, so that a run that was killed goes on where it stopped.

    Args:
        extractor: Backbone, pooling and views.
        images: N prepared images.
        digests: N content digests.
        store: The store's folder.
        view: 0 for the photo itself, `MIRRORED` for its mirror image, 1 and up for its augmented views.

    Returns:
        (N, C, p, p) float16.
    """
    extractor.backbone.eval()  # before anything else: even asking for the shape shows it an image
    table = extractor.table(store, view)
    rows = table.rows(digests, view)
    missing = np.flatnonzero(rows < 0)
    if len(missing):
        _extract(extractor, images, digests, missing, table, view)
        rows = table.rows(digests, view)
    values = table.read(rows, "features").combine_chunks()
    flat: NDArray[np.float16] = values.flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(len(rows), *extractor.shape)


def _extract(
    extractor: Extractor,
    images: Images,
    digests: Sequence[str],
    missing: NDArray[np.int64],
    table: Table,
    view: int,
) -> None:
    # Copies of one photo are extracted once.
    unique = missing[np.unique(np.array(digests)[missing], return_index=True)[1]]
    unique.sort()
    batches = [unique[start : start + BATCH] for start in range(0, len(unique), BATCH)]
    pool = Pool(extractor.pool, *extractor.backbone.feature_shape[1:]).to(extractor.device)
    extractor.backbone.to(extractor.device)
    what = {0: "Extracting features", MIRRORED: "Extracting mirrored"}.get(view, f"Extracting view {view}")
    with track(what, len(unique)) as advance:
        for batch, prepared in zip(batches, read_ahead(images, batches), strict=True):
            names = [digests[i] for i in batch]
            rows = _run(extractor, pool, torch.from_numpy(prepared), names, view)
            flat = pa.array(rows.reshape(-1))
            table.append(names, view, {"features": pa.FixedSizeListArray.from_arrays(flat, rows.shape[1])})
            advance(len(batch))
    table.compact()


def _run(
    extractor: Extractor, pool: Pool, prepared: Tensor, digests: Sequence[str], view: int
) -> NDArray[np.float16]:
    """Run one batch of (B, H, W, 3) uint8 and return (B, D) float16."""
    with torch.inference_mode():
        batch = prepared.to(extractor.device, non_blocking=True)
        if view == MIRRORED:
            batch = batch.flip(2)
        elif view:
            batch = extractor.views.apply(batch, digests, view)
        features = pool(extractor.backbone(extractor.backbone.preprocessing.normalise(batch)))
    rows: NDArray[np.float16] = features.flatten(1).half().cpu().numpy()
    return rows
