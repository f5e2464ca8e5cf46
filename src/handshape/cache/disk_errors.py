"""Errors of a full, read-only or broken disk, turned into messages that a user can act on."""

import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from handshape.errors import HandshapeError, OutputError

# Rust libraries wrap the system's error in a long text.
_RUST_REASON = re.compile(r"\(os error (\d+)\)")


@contextmanager
def explain_write_errors(
    what: str, remedy: str, *others: type[Exception], expected: str = "room on a disk"
) -> Iterator[None]:
    """Raise an `OutputError` with a remedy when the block cannot write.

    Args:
        what: What is written, such as ``the run to 'runs/first'``.
        remedy: What the user can do.
        others: Exceptions beside ``OSError`` that libraries raise when they cannot write.
        expected: What was needed.

    Raises:
        OutputError: It cannot be written.
    """
    kinds: tuple[type[Exception], ...] = (OSError, *others)
    try:
        yield
    except HandshapeError:  # some are OSErrors too, with a better message
        raise
    except kinds as error:
        raise OutputError(f"cannot write {what} ({_reason(error)})", expected, remedy) from error


def explain_cache_errors(what: str, *others: type[Exception]) -> AbstractContextManager[None]:
    """Like `explain_write_errors`, for files of the cache."""
    return explain_write_errors(what, "free some space, or choose another folder with --cache", *others)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    found = _RUST_REASON.search(str(error))
    if found:
        return os.strerror(int(found[1]))
    return " ".join(str(error).split()) or type(error).__name__
