"""Hands of photos: found once, while the photos are decoded, and cached by content."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from hashlib import blake2b
from pathlib import Path
from threading import Lock

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from handshape.cache.integrity import until_sound
from handshape.cache.table import CacheTable, matrix_of
from handshape.data.images.decode import decode_image
from handshape.data.images.workers import in_order, workers
from handshape.errors import DataError, ImageError
from handshape.models.hand.hand_finder import HAND, HAND_WIDTH, LANDMARK_WIDTH, METHOD, HandFinder, normalise
from handshape.progress import track
from handshape.types import HandLandmarks, HandRows

# Hands found between two commits: what a kill can cost.
_COMMIT = 256
_COLUMNS = {
    "rows": pa.list_(pa.float16(), HAND_WIDTH),
    "mirrored_rows": pa.list_(pa.float16(), HAND_WIDTH),
    "points": pa.list_(pa.float32(), LANDMARK_WIDTH),
    "box": pa.list_(pa.float32(), 4),
    "presence": pa.float32(),
    "right_hand": pa.float32(),
}


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
        self._lock = Lock()
        self._new: dict[str, tuple[HandLandmarks, NDArray[np.float32]]] = {}

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
        hand, mirrored = self._finder.find_with_mirrored(pixels)
        with self._lock:
            self._new[digest] = hand, mirrored
            if len(self._new) >= _COMMIT:
                self._commit()
        return hand

    def commit(self) -> None:
        """Write what was found and not written yet."""
        with self._lock:
            self._commit()

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

    def _commit(self) -> None:
        if not self._new:
            return
        hands, mirrored = zip(*self._new.values(), strict=True)
        flipped = [replace(hand, embedding=own) for hand, own in zip(hands, mirrored, strict=True)]
        matrices: dict[str, NDArray[np.floating]] = {
            "rows": np.stack([normalise(hand) for hand in hands]).astype(np.float16),
            "mirrored_rows": np.stack([normalise(hand) for hand in flipped]).astype(np.float16),
            "points": np.stack([hand.points.reshape(-1) for hand in hands]),
            "box": np.array([hand.box for hand in hands], dtype=np.float32),
        }
        columns = {
            name: pa.FixedSizeListArray.from_arrays(pa.array(matrix.reshape(-1)), matrix.shape[1])
            for name, matrix in matrices.items()
        }
        for name in ("presence", "right_hand"):
            columns[name] = pa.array([getattr(hand, name) for hand in hands], pa.float32())
        self._table.append(list(self._new), 0, columns)
        self._table.compact()
        self._new.clear()
