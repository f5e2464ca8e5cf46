"""Files and folders that appear complete or not at all, whenever the program ends.

New content is written into a hidden folder beside its target and then renamed. The folder is locked by the
process that writes; what a killed process left in it is removed, or put back, by the next one.
"""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from handshape.errors import OutputError

_SUFFIX = ".handshape.partial"
_LOCK = "lock"
# In the hidden folder: the new content, and the old content while it is being replaced.
_NEW, _OLD = "new", "old"


class Reserved:
    """A path that this process has reserved with `reserve`."""

    def __init__(self, path: Path, partial: Path) -> None:
        self._path, self._partial = path, partial

    @contextmanager
    def new(self) -> Iterator[Path]:
        """Yield a path to write to; it replaces the reserved path when the block ends without an error."""
        partial = self._partial / f"{_NEW}{self._path.suffix}"
        try:
            yield partial
            self._replace(partial)
        finally:
            _remove(partial)

    def _replace(self, partial: Path) -> None:
        if not (self._path.exists() and partial.is_dir()):
            partial.replace(self._path)
            return
        old = self._partial / _OLD
        self._path.rename(old)
        try:
            partial.rename(self._path)
        except OSError:
            old.rename(self._path)
            raise
        shutil.rmtree(old)


@contextmanager
def reserve(path: Path, what: str) -> Iterator[Reserved]:
    """Reserve a path for this process; a second process gets an error at once.

    Leftovers of killed processes beside the path are cleared first, and parent folders that stay empty are
    removed at the end.

    Args:
        path: The resolved path (`Path.resolve`), so that a link's target is written.
        what: What is written, for the error message, such as ``a run to 'runs/first'``.

    Raises:
        OutputError: Another process has reserved it.
    """
    missing = [folder for folder in path.parents if not folder.exists()]
    partial = partial_folder(path)
    with ExitStack() as stack:
        stack.callback(_remove_empty, missing)
        restore_interrupted(path.parent)
        try:
            stack.enter_context(lock_folder(partial))
        except Timeout as error:
            raise OutputError(
                f"another process writes {what}",
                "one process per folder",
                "wait until it is done, or choose another --out",
            ) from error
        yield Reserved(path, partial)


def partial_folder(path: Path) -> Path:
    """Return the hidden folder beside a path in which its new content is written."""
    return path.with_name(f".{path.name}{_SUFFIX}")


@contextmanager
def lock_folder(partial: Path, *, wait: float = 0.2) -> Iterator[None]:
    """Lock a folder from `partial_folder`, made where it is missing and deleted at the end.

    It is the operating system's lock, so a killed process releases it. Files that an earlier process left in
    the folder are still there when the block begins.

    Args:
        partial: The folder.
        wait: Seconds to wait for a process that only checks whether the folder is abandoned.

    Raises:
        Timeout: Another process holds the lock.
    """
    lock = FileLock(partial / _LOCK, thread_local=False)
    while not lock.is_locked:
        partial.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # another process has just deleted the folder
            lock.acquire(timeout=wait, poll_interval=0.02, blocking=wait > 0)
    try:
        yield
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        lock.release()


def restore_interrupted(folder: Path) -> None:
    """Delete what killed processes left in a folder, and put back the runs that they were replacing."""
    for partial in sorted(folder.glob(f".*{_SUFFIX}")):
        with suppress(OSError), lock_folder(partial, wait=0):  # Timeout is an OSError
            old, path = partial / _OLD, partial.with_name(partial.name[1 : -len(_SUFFIX)])
            if old.is_dir() and not path.exists():
                old.rename(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):
        path.unlink()


def _remove_empty(folders: list[Path]) -> None:
    """Remove folders, the innermost first, up to the first that is not empty."""
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()
