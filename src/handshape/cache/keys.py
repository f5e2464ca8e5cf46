"""An index of a table's rows in memory, updated with new commits."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_COLUMNS = ["digest", "view"]


class Keys:
    """The (digest, view) of every row of a table; each commit adds a fragment, and only new ones are read."""

    def __init__(self) -> None:
        self._parts: dict[tuple[str, int], pa.Table] = {}
        self._known: dict[int, set[str]] = defaultdict(set)

    def follow(self, found: Any) -> None:
        """Update to a version of the table, a Lance data set; ``None`` if there is no table."""
        fragments = {} if found is None else {_name(one): one for one in found.get_fragments()}
        if not self._parts.keys() <= fragments.keys():
            # Fragments were merged or rows deleted, so row numbers have changed.
            self._parts, self._known = {}, defaultdict(set)
        for name, fragment in fragments.items():
            if name not in self._parts:
                self._add(name, fragment.to_table(columns=_COLUMNS))

    def _add(self, name: tuple[str, int], part: pa.Table) -> None:
        self._parts[name] = part
        digests, views = np.array(part["digest"].to_pylist(), dtype=object), part["view"].to_numpy()
        for view in np.unique(views).tolist():
            self._known[view].update(digests[views == view])

    def table(self) -> pa.Table:
        """Return digest and view of every row, in the order of the rows."""
        return pa.concat_tables(self._parts.values()) if self._parts else pa.table({})

    def has(self, digest: str, view: int) -> bool:
        """Return whether there is a row for this photo and view."""
        return digest in self._known[view]

    def of(self, view: int) -> set[str]:
        """Return the photos with a row for this view."""
        return set(self._known[view])

    def places(self, digests: Sequence[str], view: int) -> NDArray[np.int64]:
        """Return the row number of each of N photos, (N,) int64; -1 where there is no row."""
        if not self._known[view] or not len(digests):
            return np.full(len(digests), -1, dtype=np.int64)
        keys = self.table()
        at = np.flatnonzero(keys["view"].to_numpy() == view)
        stored = keys["digest"].take(pa.array(at)).combine_chunks()
        place = pc.index_in(pa.array(digests, pa.string()), value_set=stored)
        found = place.fill_null(-1).to_numpy(zero_copy_only=False)
        return np.where(found < 0, -1, at[found])


def _name(fragment: Any) -> tuple[str, int]:
    # File names are random, so fragments of a table that was deleted and made again differ.
    return fragment.data_files()[0].path, fragment.num_deletions
