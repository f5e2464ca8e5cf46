"""Files and folders that appear whole or not at all, whenever the program ends."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import Timeout

from handshape.cache.workbench import hold_workbench, place_of, workbench_of, workbenches_in
from handshape.errors import OutputError

# In the workbench: what is being written, and what it is about to take the place of.
_NEW, _OLD = "new", "old"


class Place:
    """A place that is held by this process: see `hold_place`."""

    def __init__(self, path: Path, bench: Path) -> None:
        self._path, self._bench = path, bench

    @contextmanager
    def new(self) -> Iterator[Path]:
        """Give a name to write under; what is there when the block ends without an error takes the place.

        Yields:
            A path in a hidden folder beside the place, with its suffix; nothing is there yet.
        """
        partial = self._bench / f"{_NEW}{self._path.suffix}"
        try:
            yield partial
            self._replace(partial)
        finally:
            _remove(partial)

    def _replace(self, partial: Path) -> None:
        if not (self._path.exists() and partial.is_dir()):
            partial.replace(self._path)
            return
        old = self._bench / _OLD
        self._path.rename(old)
        try:
            partial.rename(self._path)
        except OSError:
            old.rename(self._path)
            raise
        shutil.rmtree(old)


@contextmanager
def hold_place(path: Path, what: str) -> Iterator[Place]:
    """Keep a place for one process; a second one is refused at once.

    What killed processes left beside it is cleared away, and what one of them was about to replace is put
    back. Folders that were made for a file or folder that did not come about are removed.

    Args:
        path: The place, as `Path.resolve` gives it: what appears goes where a link points.
        what: Is written, for people, such as ``a run to 'runs/first'``.

    Yields:
        What is written with.

    Raises:
        OutputError: Another process holds it.
    """
    missing = [folder for folder in path.parents if not folder.exists()]
    bench = workbench_of(path)
    with ExitStack() as held:
        held.callback(_remove_empty, missing)
        put_back(path.parent)
        try:
            held.enter_context(hold_workbench(bench))
        except Timeout as error:
            raise OutputError(
                f"another process writes {what}",
                "a place of its own for each",
                "wait until it is done, or choose another --out",
            ) from error
        yield Place(path, bench)


def put_back(folder: Path) -> None:
    """Clear away what killed processes left in a folder, and put back what one was about to replace."""
    for bench in workbenches_in(folder):
        with suppress(OSError), hold_workbench(bench, wait=0):  # Timeout, for one that is held, is an OSError
            old, place = bench / _OLD, place_of(bench)
            if old.is_dir() and not place.exists():
                old.rename(place)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):
        path.unlink()


def _remove_empty(folders: list[Path]) -> None:
    """Remove folders, the innermost first."""
    with suppress(OSError):  # the first that is not empty ends it
        for folder in folders:
            folder.rmdir()
