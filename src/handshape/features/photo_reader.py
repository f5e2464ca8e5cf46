"""What a worker of a cluster does with a block of photos first: read, check, find hands, prepare pixels."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow.fs import FileSystem

from handshape.data.images.decode import Preprocessing, decode_image
from handshape.data.images.prepared import content_digest
from handshape.data.images.workers import in_order
from handshape.errors import ImageError
from handshape.features.hand_landmarks import FoundHand, hands_table
from handshape.models.hand.hand_finder import HandFinder

# Files that a worker asks for at once where there is a network between: one answer after another, most of the
# time would be spent on waiting.
_AT_ONCE = 16


@dataclass(frozen=True)
class Digests:
    """Content digests of many photos, small enough to be sent to every worker.

    Args:
        array: (M,) sorted.
    """

    array: NDArray[np.bytes_]

    @classmethod
    def of(cls, digests: set[str]) -> "Digests":
        """Return these digests."""
        return cls(np.array(sorted(digests), dtype="S32"))

    def __contains__(self, digest: str) -> bool:
        place = np.searchsorted(self.array, digest.encode())
        return bool(place < len(self.array) and self.array[place] == digest.encode())


@dataclass(frozen=True)
class _Photo:
    """What became of a photo.

    Args:
        digest: Of its content; None where it cannot be read.
        reason: Why it cannot be used, if so.
        pixels: Prepared, (S, S, 3) uint8; None where its features are in the cache.
        hand: None where it is in the cache.
    """

    digest: str | None = None
    reason: str | None = None
    pixels: bytes | None = None
    hand: FoundHand | None = None


@dataclass(frozen=True)
class PhotoReader:
    """Decodes each photo once, finds its hand in the photo as it is, and prepares its pixels.

    Args:
        system: File system of the paths; ``None`` for that of the machine.
        preprocessing: How pixels are prepared.
        with_features: Photos whose features are in the cache.
        with_hands: Photos whose hands are in the cache.
    """

    system: FileSystem | None
    preprocessing: Preprocessing
    with_features: Digests
    with_hands: Digests

    def __call__(self, photos: pa.Table) -> pa.Table:
        """Return photos with their digests, why some cannot be used, and pixels and hands that are wanted."""
        paths, finder = photos["path"].to_pylist(), HandFinder()
        with ThreadPoolExecutor(_AT_ONCE) as pool:  # which starts no thread before it is asked to
            remote = self.system is not None
            files = in_order(pool, self._fetch, paths, ahead=_AT_ONCE) if remote else map(self._fetch, paths)
            read = [self._read(finder, *file) for file in files]
        hands = [one.hand for one in read if one.hand is not None]
        return pa.table(
            {
                "index": photos["index"],
                "digest": pa.array([one.digest for one in read], pa.string()),
                "reason": pa.array([one.reason for one in read], pa.string()),
                "pixels": pa.array([one.pixels for one in read], pa.binary()),
                "hand": spread(hands_table(hands), [one.hand is not None for one in read]),
            }
        )

    def _fetch(self, path: bytes) -> tuple[bytes, str | None]:
        try:
            return self._bytes(path), None
        except OSError as error:
            reason = error.strerror or str(error).strip().split("\n")[0]
            return b"", f"cannot be read ({reason})"

    def _bytes(self, path: bytes) -> bytes:
        if self.system is None:
            return Path(os.fsdecode(path)).read_bytes()
        # A name's ending says nothing here: pyarrow would unpack what is called .gz.
        with self.system.open_input_stream(path.decode(), compression=None) as stream:
            return bytes(stream.readall())

    def _read(self, finder: HandFinder, data: bytes, wrong: str | None) -> _Photo:
        if wrong is not None:
            return _Photo(reason=wrong)
        digest = content_digest(data)
        features, hand = digest not in self.with_features, digest not in self.with_hands
        if not features and not hand:
            return _Photo(digest)
        try:
            pixels, _ = decode_image(data)
        except ImageError as error:
            return _Photo(digest, error.wrong)
        return _Photo(
            digest,
            pixels=self.preprocessing.prepare(pixels).tobytes() if features else None,
            hand=finder.find_with_mirrored(pixels) if hand else None,
        )


def spread(rows: pa.Table, where: Sequence[bool] | NDArray[np.bool_]) -> pa.Array:
    """Return the rows of a table as one column: in their order at the places that are true, else null."""
    there = np.asarray(where, dtype=bool)
    places = pa.array(np.cumsum(there) - 1, pa.int64(), mask=~there)
    columns = [one.combine_chunks() for one in rows.columns]
    return pa.StructArray.from_arrays(columns, rows.column_names).take(places)


def gathered(column: pa.ChunkedArray) -> pa.Table:
    """Return a column's rows that are not null as a table again."""
    return pa.Table.from_struct_array(column.drop_null())
