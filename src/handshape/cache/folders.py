"""Which photos were seen in which folder, so that pruning for one folder leaves those of the others alone."""

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

from handshape.cache.table import Table, reading

_FOLDER = "folder"


def remember_folder(store: Path, folder: Path, digests: Sequence[str]) -> None:
    """Note that photos are in a folder.

    Args:
        store: The store's folder.
        folder: Where the photos are.
        digests: Content digest of each.
    """
    table = _table(store, folder)
    new = [digest for digest, row in zip(digests, table.rows(digests, 0), strict=True) if row < 0]
    if new:
        table.append(new, 0, {})


def gone_from(store: Path, folder: Path, present: set[str]) -> tuple[set[str], set[str]]:
    """Return the photos that were in a folder and no longer are.

    Args:
        store: The store's folder.
        folder: The folder.
        present: Digests of the photos that are in it now.

    Returns:
        Those that were in no other folder, and those that were.
    """
    gone = _digests(_table(store, folder).path) - present
    others = [path for path in _tables(store) if path != _table(store, folder).path]
    elsewhere = gone.intersection(*[set().union(*map(_digests, others))])
    return gone - elsewhere, elsewhere


def forget(store: Path, folder: Path, digests: set[str]) -> None:
    """Forget that photos were in a folder."""
    _table(store, folder).drop(sorted(digests))


def known_folders(store: Path) -> dict[str, int]:
    """Return how many photos were seen in each folder."""
    found = {}
    for path in _tables(store):
        with reading(path) as opened:
            found[opened.schema.metadata[_FOLDER.encode()].decode()] = opened.count_rows()
    return dict(sorted(found.items()))


def _table(store: Path, folder: Path) -> Table:
    place = str(folder.resolve())
    name = blake2b(place.encode(), digest_size=8).hexdigest()
    return Table(store / "folders" / f"{name}.lance", {}, {_FOLDER: place})


def _tables(store: Path) -> list[Path]:
    return sorted(
        path for path in (store / "folders").glob("*.lance") if any(path.glob("_versions/*.manifest"))
    )


def _digests(path: Path) -> set[str]:
    with reading(path) as opened:
        return set() if opened is None else set(opened.to_table(columns=["digest"])["digest"].to_pylist())
