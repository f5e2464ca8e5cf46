"""Hidden folders to write in, each held by one process; what a killed one left, the next clears away."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock

_SUFFIX = ".handshape.partial"
_LOCK = "lock"


def workbench_of(place: Path) -> Path:
    """Return the folder in which what will appear at a place is written: a hidden one beside it."""
    return place.with_name(f".{place.name}{_SUFFIX}")


def place_of(workbench: Path) -> Path:
    """Return the place that a workbench is for."""
    return workbench.with_name(workbench.name[1 : -len(_SUFFIX)])


def workbenches_in(folder: Path) -> list[Path]:
    """Return the workbenches in a folder, held or left behind."""
    return sorted(folder.glob(f".*{_SUFFIX}"))


@contextmanager
def hold_workbench(workbench: Path, *, wait: float = 0.2) -> Iterator[None]:
    """Hold a workbench, made where it is missing; it is gone when the block is left.

    The lock is the system's own, so that a process that is killed lets go of it.

    Args:
        workbench: From `workbench_of`. What a process that is gone left in it is there when the block begins.
        wait: Seconds that a process may take which only looks whether the one that held it is gone.

    Raises:
        Timeout: Another process holds it.
    """
    lock = FileLock(workbench / _LOCK, thread_local=False)
    while not lock.is_locked:
        workbench.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # cleared away just now, by who held it before or by `clear_dead`
            lock.acquire(timeout=wait, poll_interval=0.02, blocking=wait > 0)
    try:
        yield
    finally:
        shutil.rmtree(workbench, ignore_errors=True)
        lock.release()


def clear_dead(folder: Path) -> None:
    """Remove the workbenches in a folder that no process holds."""
    for workbench in workbenches_in(folder):
        with suppress(OSError), hold_workbench(workbench, wait=0):  # Timeout is an OSError
            pass
