"""A Lance table with rows keyed by (content digest, view), which several processes may fill."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pyarrow as pa
from filelock import FileLock
from numpy.typing import NDArray

from handshape.cache.disk_errors import explain_cache_errors
from handshape.cache.keys import Keys

# With more commits than this, they are merged into one file.
_FRAGMENTS = 32
# Rows read at once, and limits of Lance's prefetching, which would otherwise take gigabytes.
_ROWS = 512
_LITTLE_AHEAD = {"batch_readahead": 2, "fragment_readahead": 2, "io_buffer_size": 64 * 1024**2}
# Old versions are kept this long for readers.
_KEEP = timedelta(hours=1)


class CacheTable:
    """One Lance table with a row for each (digest, view).

    Args:
        path: Folder of the table; made with the first row.
        columns: Arrow types of the columns beside ``digest`` and ``view``.
        about: The table's metadata.
    """

    def __init__(self, path: Path, columns: dict[str, pa.DataType], about: dict[str, str]) -> None:
        self.path = path
        self._lock = FileLock(f"{path}.lock")
        self._seen: Any = None
        self._keys = Keys()
        keys = [pa.field("digest", pa.string()), pa.field("view", pa.int16())]
        self._schema = pa.schema([*keys, *(pa.field(n, t) for n, t in columns.items())], metadata=about)

    def __len__(self) -> int:
        found = open_table(self.path)
        return 0 if found is None else int(found.count_rows())

    def rows(self, digests: Sequence[str], view: int) -> NDArray[np.int64]:
        """Return the row number of each of N photos, (N,) int64; -1 where there is no row."""
        self._seen = open_table(self.path)
        self._keys.follow(self._seen)
        return self._keys.places(digests, view)

    def digests(self, view: int) -> set[str]:
        """Return the content digest of every photo with a row for one view."""
        self._keys.follow(open_table(self.path))
        return self._keys.of(view)

    def append(self, digests: Sequence[str], view: int, columns: dict[str, pa.Array]) -> None:
        """Add rows in one commit, except those that another process added meanwhile.

        Args:
            digests: N content digests.
            view: View number.
            columns: N values for each column.

        Raises:
            OutputError: The cache cannot be written.
        """
        with self._changing():
            found = open_table(self.path)
            self._keys.follow(found)
            first = {digest: i for i, digest in reversed(list(enumerate(digests)))}
            new = sorted(i for digest, i in first.items() if not self._keys.has(digest, view))
            if not new:
                return
            keys = {
                "digest": pa.array(digests, pa.string()),
                "view": pa.array([view] * len(digests), pa.int16()),
            }
            batch = pa.table({**keys, **columns}, schema=self._schema).take(pa.array(new))
            mode = "append" if found is not None else "create"
            lance.write_dataset(batch, str(self.path), schema=self._schema, mode=mode)

    def read(self, rows: NDArray[np.int64], column: str) -> pa.ChunkedArray:
        """Read one column of some rows, in the order asked for.

        The version is the one of the last call of `rows`, even if another process has deleted rows since.

        Args:
            rows: Row numbers from the last call of `rows`, none of them -1.
            column: Name of the column.

        Returns:
            The N values.
        """
        found = self._seen
        if not len(rows):
            return pa.chunked_array([], self._schema.field(column).type)
        if self._few(rows):
            return found.take(rows.tolist(), columns=[column])[column]
        return found.to_table(columns=[column])[column].take(pa.array(rows))

    def read_into(self, rows: NDArray[np.int64], column: str, out: NDArray[np.float16]) -> None:
        """Copy one column of lists of equal length, with at most a few batches in memory.

        Args:
            rows: N row numbers from the last call of `rows`, none of them -1.
            column: Name of the column.
            out: (N, D), filled here.
        """
        if not len(rows):
            return
        if self._few(rows):
            for start in range(0, len(rows), _ROWS):
                some = rows[start : start + _ROWS].tolist()
                taken = self._seen.take(some, columns=[column])[column].combine_chunks()
                out[start : start + _ROWS] = _matrix(taken)
            return
        order = np.argsort(rows, kind="stable")
        wanted, passed = rows[order], 0
        for batch in self._seen.to_batches(columns=[column], batch_size=_ROWS, **_LITTLE_AHEAD):
            low, high = np.searchsorted(wanted, [passed, passed + batch.num_rows])
            out[order[low:high]] = _matrix(batch.column(0))[wanted[low:high] - passed]
            passed += batch.num_rows

    def _few(self, rows: NDArray[np.int64]) -> bool:
        # Reading the whole column is several times faster than random access.
        return len(rows) * 4 < int(self._seen.count_rows())

    def compact(self) -> None:
        """Merge many small commits and delete old versions; row numbers from `rows` become invalid."""
        with self._changing():
            found = open_table(self.path)
            if found is None:
                return
            if len(found.get_fragments()) > _FRAGMENTS:
                found.optimize.compact_files()
            self._seen = None
            found.cleanup_old_versions(_KEEP)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with explain_cache_errors(f"to the cache at {str(self.path)!r}"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._lock:
                yield


def open_table(path: Path) -> Any:
    """Open the newest version of a table as a Lance data set, or return None where there is none."""
    # A process that was killed while it made the table leaves a folder without a version.
    made = any(path.glob("_versions/*.manifest"))
    return lance.dataset(str(path)) if made else None


def _matrix(lists: pa.FixedSizeListArray) -> NDArray[np.float16]:
    values: NDArray[np.float16] = lists.flatten().to_numpy(zero_copy_only=False)
    return values.reshape(len(lists), -1)
