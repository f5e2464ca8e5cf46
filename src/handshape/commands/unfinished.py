"""A folder in the cache for what a command has finished, until its run is written; a kill leaves it there."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from handshape.data.images.prepared import content_digest


@contextmanager
def unfinished_folder(cache: Path, kind: str, description: dict[str, Any]) -> Iterator[Path]:
    """Yield the folder of a command with these photos, settings and versions; it is deleted after success.

    Args:
        cache: The cache folder.
        kind: Folder below it.
        description: Content of the run's ``config.json``; places and the command line do not matter.
    """
    places = ("data", "out", "force", "cache", "track")
    settings = {key: value for key, value in description["settings"].items() if key not in places}
    known = {**description, "settings": settings, "argv": []}
    folder = cache / kind / content_digest(json.dumps(known, sort_keys=True, default=str).encode())
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        folder.mkdir(exist_ok=True)  # another process may have finished the same meanwhile
        yield folder
        shutil.rmtree(folder)
