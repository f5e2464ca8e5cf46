"""Who reads a table, so that nothing is taken away under a reader's hands."""

import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # on Windows, where nobody can be asked
    fcntl = None  # type: ignore[assignment]


class Reader:
    """One that reads, from now on until it is closed or gone; a process that is killed reads no longer.

    Args:
        path: What is read. Readers share a lock on a file beside it.
    """

    def __init__(self, path: Path) -> None:
        file = _lock_file(path)
        self._end = weakref.finalize(self, os.close, file) if file is not None else None
        if file is not None:
            with suppress(OSError):  # `nobody_reads` has no lock there either
                fcntl.flock(file, fcntl.LOCK_SH)

    def close(self) -> None:
        """Read no longer."""
        if self._end is not None:
            self._end()


@contextmanager
def nobody_reads(path: Path) -> Iterator[bool]:
    """Tell whether nobody reads; whoever wants to begin waits until the block is left.

    Args:
        path: As for `Reader`.

    Yields:
        Whether it is certain.
    """
    file = _lock_file(path)
    if file is None:
        yield False
        return
    try:
        yield _is_free(file)
    finally:
        os.close(file)


def _lock_file(path: Path) -> int | None:
    if fcntl is not None:
        with suppress(OSError):
            return os.open(path.with_name(f"{path.name}.readers"), os.O_RDWR | os.O_CREAT, 0o644)
    return None


def _is_free(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
