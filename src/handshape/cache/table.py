"""A Lance table with rows keyed by (content digest, view), which several processes may fill.

Each row has a checksum. A damaged row is removed when it is read, and a damaged table with it.
"""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

import lance
import numpy as np
import pyarrow as pa
from filelock import FileLock
from numpy.typing import NDArray

from handshape.cache.disk_errors import explain_cache_errors
from handshape.cache.integrity import Checksums, LostRowsError, checksums, is_damage
from handshape.cache.keys import Keys
from handshape.progress import say

_CHECKSUM = "checksum"
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
        self._columns = list(columns)
        self._seen: Any = None
        self._keys, self._seen_keys = Keys(), pa.table({})
        fields = [("digest", pa.string()), ("view", pa.int16()), *columns.items(), (_CHECKSUM, pa.uint32())]
        self._schema = pa.schema(fields, metadata=about)

    def __len__(self) -> int:
        found = self._follow()
        return 0 if found is None else int(found.count_rows())

    def rows(self, digests: Sequence[str], view: int) -> NDArray[np.int64]:
        """Return the row number of each of N photos, (N,) int64; -1 where there is no row."""
        self._seen = self._follow()
        self._seen_keys = self._keys.table()
        return self._keys.places(digests, view)

    def digests(self, view: int) -> set[str]:
        """Return the content digest of every photo with a row for one view."""
        self._follow()
        return self._keys.of(view)

    def append(
        self, digests: Sequence[str], view: int, columns: dict[str, pa.Array | pa.ChunkedArray]
    ) -> None:
        """Add rows in one commit, except those that another process added meanwhile.

        Args:
            digests: N content digests.
            view: View number.
            columns: N values for each column.

        Raises:
            OutputError: The cache cannot be written.
        """
        with self._changing():
            found = self._follow()
            first = {digest: i for i, digest in reversed(list(enumerate(digests)))}
            new = sorted(i for digest, i in first.items() if not self._keys.has(digest, view))
            if not new:
                return
            keys = {
                "digest": pa.array(digests, pa.string()),
                "view": pa.array([view] * len(digests), pa.int16()),
            }
            kept = pa.table({**keys, **columns}).take(pa.array(new))
            sums = _checksums(kept, *(kept[name] for name in self._columns))
            batch = pa.table(
                {**{name: kept[name] for name in kept.column_names}, _CHECKSUM: pa.array(sums)},
                schema=self._schema,
            )
            mode = "append" if found is not None else "create"
            lance.write_dataset(batch, str(self.path), schema=self._schema, mode=mode)

    def read(self, rows: NDArray[np.int64]) -> pa.Table:
        """Read all columns of some rows, in the order asked for.

        The version is the one of the last call of `rows`, even if another process has deleted rows since.

        Args:
            rows: Row numbers from the last call of `rows`, none of them -1.

        Returns:
            A table of N rows.

        Raises:
            LostRowsError: Some are damaged; they are removed, and are missing when `rows` is called again.
        """
        if not len(rows):
            return self._schema.empty_table().select(self._columns)
        columns = [*self._columns, _CHECKSUM]
        with self._discard_if_damaged(again=True):
            if self._few(rows):
                found = self._seen.take(rows.tolist(), columns=columns)
            else:
                found = self._seen.to_table(columns=columns).take(pa.array(rows))
            sums = _checksums(self._seen_keys.take(pa.array(rows)), *(found[name] for name in self._columns))
            good = sums == found[_CHECKSUM].to_numpy()
        self._remove_damaged(rows[~good])
        return found.select(self._columns)

    def read_into(self, rows: NDArray[np.int64], out: NDArray[np.float16]) -> None:
        """Copy a table's only column, lists of equal length, with at most a few batches in memory.

        Args:
            rows: N row numbers from the last call of `rows`, none of them -1.
            out: (N, D), filled here.

        Raises:
            LostRowsError: Some are damaged; they are removed, and are missing when `rows` is called again.
        """
        if not len(rows):
            return
        written = np.empty(len(rows), dtype=np.uint32)
        with self._discard_if_damaged(again=True):
            for places, batch in self._batches(rows):
                out[places] = matrix_of(batch[self._columns[0]])
                written[places] = batch[_CHECKSUM].to_numpy()
            good = checksums(_keys_of(self._seen_keys.take(pa.array(rows))), out) == written
        self._remove_damaged(rows[~good])

    def _batches(self, rows: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], pa.Table]]:
        """Yield places in ``rows`` with the rows that belong there."""
        columns = [*self._columns, _CHECKSUM]
        if self._few(rows):
            for start in range(0, len(rows), _ROWS):
                some = rows[start : start + _ROWS]
                yield np.arange(start, start + len(some)), self._seen.take(some.tolist(), columns=columns)
            return
        order = np.argsort(rows, kind="stable")
        wanted, passed = rows[order], 0
        for batch in self._seen.to_batches(columns=columns, batch_size=_ROWS, **_LITTLE_AHEAD):
            low, high = np.searchsorted(wanted, [passed, passed + batch.num_rows])
            if low < high:
                here = pa.array(wanted[low:high] - passed)
                yield order[low:high], pa.Table.from_batches([batch]).take(here)
            passed += batch.num_rows
        if len(wanted) and wanted[-1] >= passed:
            raise ValueError("rows are missing")

    def _few(self, rows: NDArray[np.int64]) -> bool:
        # Reading the whole column is several times faster than random access.
        return len(rows) * 4 < int(self._seen.count_rows())

    def compact(self) -> None:
        """Merge many small commits and delete old versions; row numbers from `rows` become invalid."""
        with self._changing():
            found = self._follow()
            if found is None:
                return
            self._seen = None
            with self._discard_if_damaged():
                if len(found.get_fragments()) > _FRAGMENTS:
                    found.optimize.compact_files()
                found.cleanup_old_versions(_KEEP)

    def _follow(self) -> Any:
        """Open the newest version and list its keys; None where there is no table that can be used."""
        found: Any = None
        with self._discard_if_damaged():
            if self._manifest_is_damaged():
                raise ValueError("its manifest has changed")
            found = open_table(self.path)
            if found is not None and found.schema != self._schema:
                self._discard("was written by another version of handshape")
                found = None
            self._keys.follow(found)
            return found
        self._keys.follow(None)
        return None

    def _remove_damaged(self, rows: NDArray[np.int64]) -> None:
        if not len(rows):
            return
        keys = self._seen_keys.take(pa.array(rows)).to_pylist()
        say(f"{len(rows):,} damaged rows in the cache {self.path.name} are made anew.")
        with self._changing(), self._discard_if_damaged():
            found = open_table(self.path)
            for view in {key["view"] for key in keys}:
                own = ", ".join(f"'{key['digest']}'" for key in keys if key["view"] == view)
                found.delete(f"view = {view} AND digest IN ({own})")
        raise LostRowsError

    @contextmanager
    def _discard_if_damaged(self, *, again: bool = False) -> Iterator[None]:
        """Delete the table where a library cannot read it; ``again``: raise `LostRowsError` then."""
        try:
            yield
        except BaseException as error:
            if not is_damage(error):
                raise
            self._discard("is damaged")
            if again:
                raise LostRowsError from error

    def _discard(self, why: str) -> None:
        say(f"The cache {self.path.name} {why}. It is made anew.")
        with explain_cache_errors(f"to the cache at {str(self.path)!r}"), self._lock:
            if self.path.exists():  # no other process was faster
                shutil.rmtree(self.path)
            self._manifest_file.unlink(missing_ok=True)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with explain_cache_errors(f"to the cache at {str(self.path)!r}"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._lock:
                yield
                self._note_manifest()

    @property
    def _manifest_file(self) -> Path:
        return Path(f"{self.path}.manifest")

    def _note_manifest(self) -> None:
        """Write down the newest manifest's checksum: Lance reports damage in it at length, or not at all."""
        newest = _newest_manifest(self.path)
        if newest is not None:
            self._manifest_file.write_text(f"{newest.name} {crc32(newest.read_bytes())}")

    def _manifest_is_damaged(self) -> bool:
        newest = _newest_manifest(self.path)
        with suppress(FileNotFoundError, ValueError):
            # A process that was killed after a commit has not noted it.
            name, noted = self._manifest_file.read_text().split()
            return newest is not None and name == newest.name and crc32(newest.read_bytes()) != int(noted)
        return False


def open_table(path: Path) -> Any:
    """Open the newest version of a table as a Lance data set, or return None where there is none."""
    # A process that was killed while it made the table leaves a folder without a version.
    return None if _newest_manifest(path) is None else lance.dataset(str(path))


def _newest_manifest(path: Path) -> Path | None:
    # Lance counts versions down in the names of their files.
    return min(path.glob("_versions/*.manifest"), default=None)


def _keys_of(table: pa.Table) -> list[bytes]:
    pairs = zip(table["digest"].to_pylist(), table["view"].to_pylist(), strict=True)
    return [f"{digest} {view}".encode() for digest, view in pairs]


def _checksums(keys: pa.Table, *columns: pa.ChunkedArray) -> Checksums:
    return checksums(_keys_of(keys), *(_contents(column) for column in columns))


def _contents(column: pa.ChunkedArray) -> Iterable[Any]:
    if pa.types.is_fixed_size_list(column.type):
        return matrix_of(column)
    if pa.types.is_string(column.type):
        texts: list[bytes] = column.cast(pa.binary()).to_pylist()
        return texts
    return np.ascontiguousarray(column.to_numpy())[:, None]


def matrix_of(lists: pa.ChunkedArray) -> NDArray[np.floating]:
    """Return a column of N lists of equal length as an (N, D) array."""
    values: NDArray[np.floating] = lists.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return np.ascontiguousarray(values.reshape(len(lists), -1))


def lists_of(matrix: NDArray[np.floating]) -> pa.FixedSizeListArray:
    """Return an (N, D) array as a column of N lists."""
    return pa.FixedSizeListArray.from_arrays(pa.array(matrix.reshape(-1)), matrix.shape[1])
