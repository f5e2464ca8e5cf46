"""List the content of the cache, or delete it."""

import shutil
from pathlib import Path
from typing import Any

from handshape.cache.table import open_table

_FACTS, _FEATURES, _HANDS, _IMAGES = "facts-*.lance", "features/*.lance", "features/hands-*.lance", "images/*"


def describe_cache(folder: Path) -> dict[str, Any]:
    """Return the content of a cache folder: features, hands, measurements, prepared images, bytes."""
    hands = _tables(folder, _HANDS)
    images = [path for path in folder.glob(_IMAGES) if path.is_file()]
    return {
        "cache": str(folder),
        "bytes": _size(folder),
        "features": [_describe(path) for path in _tables(folder, _FEATURES) if path not in hands],
        "hands": [_describe(path) for path in hands],
        "facts": [_describe(path) for path in _tables(folder, _FACTS)],
        "images": {"files": len(images), "bytes": sum(_size(path) for path in images)},
    }


def clear_cache(folder: Path) -> int:
    """Delete handshape's files in a cache folder and return the freed bytes; other files stay."""
    names = ("features", "images", "tuning", "studies", "unpacked", "graphs")
    kept = [*(folder / name for name in names), *folder.glob("facts-*.lance*")]
    there = [path for path in kept if path.exists()]
    freed = sum(_size(path) for path in there)
    for path in there:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return freed


def _tables(folder: Path, pattern: str) -> list[Path]:
    return sorted(path for path in folder.glob(pattern) if any(path.glob("_versions/*.manifest")))


def _describe(path: Path) -> dict[str, Any]:
    table = open_table(path)
    about = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    named = {key: about[key] for key in ("backbone", "shape", "views") if key in about}
    return {"table": path.name, **named, "rows": table.count_rows(), "bytes": _size(path)}


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(one.stat().st_size for one in path.rglob("*") if one.is_file())
