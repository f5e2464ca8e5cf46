"""Rows on their way into a table of the cache: many rows go into one commit."""

import time
from collections.abc import Sequence

import pyarrow as pa

from handshape.cache.table import CacheTable

COMMIT = 256
"""Rows of one commit: what a kill can cost."""
_SECONDS = 5.0  # how long a row may wait for its commit


class Commits:
    """Rows on their way into a table: a commit for a few hundred, or for what was made in a few seconds.

    Args:
        table: Where they go.
        view: Whose rows they are.
    """

    def __init__(self, table: CacheTable, view: int = 0) -> None:
        self._table, self._view = table, view
        self._written = False
        self._clear()

    def _clear(self) -> None:
        self._digests, self._rows, self._last = list[str](), list[pa.Table](), time.monotonic()

    def add(self, digests: Sequence[str], rows: pa.Table) -> None:
        """Take the rows of the photos with these digests."""
        self._digests += digests
        self._rows.append(rows)
        if len(self._digests) >= COMMIT or time.monotonic() - self._last > _SECONDS:
            self.now()

    def now(self) -> None:
        """Commit what was taken and not committed yet."""
        if self._digests:
            rows = pa.concat_tables(self._rows)
            self._table.append(self._digests, self._view, {name: rows[name] for name in rows.column_names})
            self._written = True
        self._clear()

    def end(self) -> None:
        """Commit what is left, and merge the many small commits."""
        self.now()
        if self._written:
            self._table.compact()
            self._written = False
