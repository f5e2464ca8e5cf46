"""Hands of photos: found once, while the photos are decoded, and cached by content."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from handshape.cache.commits import Commits
from handshape.cache.integrity import until_sound
from handshape.cache.table import CacheTable, lists_of, matrix_of
from handshape.data.images.decode import decode_image
from handshape.data.images.prepared import content_digest
from handshape.data.images.workers import in_order, workers
from handshape.errors import DataError, ImageError
from handshape.models.hand.hand_finder import HAND, HAND_WIDTH, LANDMARK_WIDTH, METHOD, HandFinder, normalise
from handshape.progress import track
from handshape.types import HandLandmarks, HandRows

_COLUMNS = {
    "rows": pa.list_(pa.float16(), HAND_WIDTH),
    "mirrored_rows": pa.list_(pa.float16(), HAND_WIDTH),
    "points": pa.list_(pa.float32(), LANDMARK_WIDTH),
    "box": pa.list_(pa.float32(), 4),
    "presence": pa.float32(),
    "right_hand": pa.float32(),
}


FoundHand = tuple[HandLandmarks, NDArray[np.float32]]
"""The hand of a photo, and the (25,) embedding of its mirror image: see `HandFinder.find_with_mirrored`."""


@cache
def _network_digest() -> bytes:
    return blake2b(HAND.read_bytes()).digest()


class HandCache:
    """Hands of photos in the cache, and what finds them.

    Args:
        cache: The cache folder.
        finder: Finds hands; by default with the networks of the package.
    """

    def __init__(self, cache: Path, finder: HandFinder | None = None) -> None:
        self._finder = finder or HandFinder()
        digest = blake2b(METHOD.encode() + _network_digest(), digest_size=6).hexdigest()
        self._table = CacheTable(cache / "features" / f"hands-{digest}.lance", _COLUMNS, {"method": METHOD})
        self._commits, self._lock = Commits(self._table), Lock()

    def known(self) -> set[str]:
        """Return the content digests of all photos whose hands are in the cache, damaged or not."""
        return self._table.digests(0)

    def missing(self, digests: Sequence[str]) -> set[str]:
        """Return the content digests of the photos whose hands are not known, or are damaged in the cache."""

        def read() -> set[str]:
            rows = self._table.rows(digests, 0)
            self._table.read(rows[rows >= 0])
            return {digest for digest, row in zip(digests, rows, strict=True) if row < 0}

        return until_sound(read)

    def find(self, digest: str, pixels: NDArray[np.uint8]) -> HandLandmarks:
        """Find the hand in a photo and keep it; several threads may do so at once.

        Args:
            digest: Content digest of the photo.
            pixels: (H, W, 3) uint8, RGB.
        """
        found = self._finder.find_with_mirrored(pixels)
        self.add([digest], hands_table([found]))
        return found[0]

    def add(self, digests: Sequence[str], rows: pa.Table) -> None:
        """Keep hands that were found elsewhere.

        Args:
            digests: N content digests.
            rows: From `hands_table`.
        """
        with self._lock:
            self._commits.add(digests, rows)

    def commit(self) -> None:
        """Write what was found and not written yet."""
        with self._lock:
            self._commits.end()

    def rows(self, digests: Sequence[str], photos: Sequence[Path] = ()) -> HandRows:
        """Return the landmarks of N photos.

        Args:
            digests: N content digests.
            photos: Their files, for those whose hands are not known.

        Raises:
            DataError: A photo whose hand is not known cannot be read any more.
        """
        found = self._read(digests, photos)
        rows, mirrored = (matrix_of(found[name]).astype(np.float32) for name in ("rows", "mirrored_rows"))
        return HandRows(rows, found["right_hand"].to_numpy() > 0.5, mirrored)

    def rows_of_images(self, images: NDArray[np.uint8]) -> HandRows:
        """Return the landmarks of (N, H, W, 3) uint8 images that are no files; they are found once."""
        digests = [content_digest(image.tobytes()) for image in images]
        missing = self.missing(digests)
        with workers() as pool:
            todo = (pair for pair in zip(digests, images, strict=True) if pair[0] in missing)
            list(in_order(pool, lambda pair: self.find(*pair), todo))
        return self.rows(digests)

    def points(self, digests: Sequence[str]) -> NDArray[np.float32]:
        """Return (N, 21, 3) float32 landmarks in shares of the photos' longer sides; 0 without a hand."""
        found = self._read(digests)
        points, presence = matrix_of(found["points"]), found["presence"].to_numpy()
        return np.where(presence[:, None] > 0.5, points, 0).reshape(len(digests), -1, 3)

    def _read(self, digests: Sequence[str], photos: Sequence[Path] = ()) -> pa.Table:
        self.commit()

        def read() -> pa.Table:
            if photos:
                self._fill(digests, photos)
            places = self._table.rows(digests, 0)
            if (places < 0).any():
                raise DataError(
                    f"{int((places < 0).sum())} photos are gone, or the cache was cleared",
                    "photos that do not change during a run",
                    "run the command again",
                )
            return self._table.read(places)

        return until_sound(read)

    def _fill(self, digests: Sequence[str], photos: Sequence[Path]) -> None:
        missing = self.missing(digests)
        todo = {digest: photo for digest, photo in zip(digests, photos, strict=True) if digest in missing}
        if not todo:
            return

        def find(digest: str) -> None:
            try:
                self.find(digest, decode_image(todo[digest].read_bytes())[0])
            except (OSError, ImageError):  # removed meanwhile
                return

        with workers() as pool, track("Finding hands", len(todo)) as advance:
            for _ in in_order(pool, find, todo):
                advance(1)
        self.commit()


def hands_table(found: Sequence[FoundHand]) -> pa.Table:
    """Return the hands of N photos as rows of the cache's table."""
    hands = [hand for hand, _ in found]
    mirrored = [replace(hand, embedding=embedding) for hand, embedding in found]
    lists: dict[str, Sequence[Any]] = {
        "rows": [normalise(hand) for hand in hands],
        "mirrored_rows": [normalise(hand) for hand in mirrored],
        "points": [hand.points for hand in hands],
        "box": [hand.box for hand in hands],
    }
    columns: dict[str, pa.Array] = {
        name: pa.array([getattr(hand, name) for hand in hands], pa.float32())
        for name in ("presence", "right_hand")
    }
    for name, rows in lists.items():
        kind = _COLUMNS[name]
        matrix = np.array(rows, dtype=kind.value_type.to_pandas_dtype())
        columns[name] = lists_of(matrix.reshape(-1, kind.list_size))
    return pa.table(columns, schema=pa.schema(_COLUMNS))
