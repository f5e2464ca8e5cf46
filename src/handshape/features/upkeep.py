"""What is in the store, and letting go of what belongs to photos that are no longer there."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from handshape.cache.folders import forget, gone_from, known_folders
from handshape.cache.table import Table, reading
from handshape.data.images.image_cache import drop_held, held_files, holds_any


@dataclass(frozen=True)
class Pruned:
    """What pruning did.

    Args:
        photos: Photos that were let go of.
        rows: Rows of features and facts that went with them.
        held: Files of prepared images that held one of them.
        kept: Photos that are gone from the folder but were also seen in another one.
    """

    photos: int
    rows: int
    held: int
    kept: int


def describe_store(store: Path) -> dict[str, Any]:
    """Return what a store holds.

    Args:
        store: The store's folder.

    Returns:
        Tables with their rows, bytes and what they are of, facts, held images, folders with the number of
        photos seen in each, and all bytes.
    """
    images = held_files(store / "images")
    return {
        "store": str(store),
        "bytes": _size(store),
        "tables": [_describe(path) for path in _tables(store, "features/*.lance")],
        "facts": [_describe(path) for path in _tables(store, "facts-*.lance")],
        "held_images": {"files": len(images), "bytes": sum(path.stat().st_size for path in images)},
        "folders": known_folders(store),
    }


def prune_store(store: Path, folder: Path, present: set[str]) -> Pruned:
    """Let go of everything that was made of photos which are no longer in a folder.

    Photos that were also seen in another folder are kept, whether that folder is there now or not.

    Args:
        store: The store's folder.
        folder: The folder.
        present: Digests of every photo in it now.

    Returns:
        What was done.
    """
    gone, kept = gone_from(store, folder, present)
    rows = held = 0
    if gone:
        for pattern in ("features/*.lance", "facts-*.lance"):
            rows += sum(_open(path).drop(sorted(gone)) for path in _tables(store, pattern))
        for path in held_files(store / "images"):
            if holds_any(path, gone):
                drop_held(path)
                held += 1
    forget(store, folder, gone | kept)
    return Pruned(len(gone), rows, held, len(kept))


def _tables(store: Path, pattern: str) -> list[Path]:
    return sorted(path for path in store.glob(pattern) if any(path.glob("_versions/*.manifest")))


def _open(path: Path) -> Table:
    with reading(path) as opened:
        schema: pa.Schema = opened.schema
    columns = {field.name: field.type for field in schema if field.name not in ("digest", "view")}
    return Table(path, columns, {})


def _describe(path: Path) -> dict[str, Any]:
    with reading(path) as opened:
        about = {key.decode(): value.decode() for key, value in (opened.schema.metadata or {}).items()}
        rows = opened.count_rows()
    named = {key: about[key] for key in ("backbone", "shape", "precision", "views") if key in about}
    return {"table": path.name, **named, "rows": rows, "bytes": _size(path)}


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
