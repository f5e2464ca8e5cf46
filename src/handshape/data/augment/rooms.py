"""A folder of photos of rooms, read once."""

from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handshape.data.images.decode import Preprocessing, read_image
from handshape.errors import DataError, ImageError
from handshape.progress import say

# Photos are kept at this size: larger than a background, so that a part of one is sharp enough.
_SIZE = 320
# More photos than this would fill the memory and add little.
_MOST = 500


def rooms_digest(folder: str) -> str:
    """Return what stands for the photos in a folder.

    Raises:
        DataError: None of them can be read.
    """
    return _read(folder)[1]


def load_rooms(folder: str, digest: str) -> NDArray[np.uint8]:
    """Return the photos in a folder.

    Args:
        folder: As for `rooms_digest`.
        digest: Of the photos that were meant.

    Returns:
        (M, 320, 320, 3) uint8, RGB.

    Raises:
        DataError: They are not the same any more.
    """
    rooms, found = _read(folder)
    if found != digest:
        raise DataError(f"the photos in {folder!r} changed", "photos that stay as they are", "run again")
    return rooms


@lru_cache(maxsize=2)
def _read(folder: str) -> tuple[NDArray[np.uint8], str]:
    paths = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    rooms, first = list[NDArray[np.uint8]](), ""
    for path in paths:
        if len(rooms) == _MOST:
            break
        try:
            rooms.append(Preprocessing(_SIZE).prepare(read_image(path)))
        except ImageError as error:
            first = first or str(error)
    if not rooms:
        raise DataError(f"no photo in {folder!r} can be read", "photos of rooms", "check --backgrounds")
    if first:
        say(f"{len(paths) - len(rooms)} files in {folder!r} are no photos that can be read: {first}")
    whole = np.stack(rooms)
    return whole, blake2b(whole.tobytes(), digest_size=16).hexdigest()
