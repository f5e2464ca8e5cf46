"""What cannot be written, said in one sentence with what to do about it."""

import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from handshape.errors import HandshapeError, OutputError

# Libraries written in Rust hand the system's reason on in a long text.
_RUST_REASON = re.compile(r"\(os error (\d+)\)")


@contextmanager
def writing(
    what: str, remedy: str, *others: type[Exception], expected: str = "room on a disk"
) -> Iterator[None]:
    """Turn what a full, read-only or broken disk raises into an error that says what to do.

    Args:
        what: Is being written, such as ``the run to 'runs/first'``.
        remedy: What to do where that fails.
        others: What libraries raise beside ``OSError`` when they cannot write.
        expected: What there should have been.

    Raises:
        OutputError: It cannot be written.
    """
    kinds: tuple[type[Exception], ...] = (OSError, *others)
    try:
        yield
    except HandshapeError:  # some are OSErrors too, and say better what was wrong
        raise
    except kinds as error:
        raise OutputError(f"cannot write {what} ({_reason(error)})", expected, remedy) from error


def writing_to_store(what: str, *others: type[Exception]) -> AbstractContextManager[None]:
    """Do as `writing` does for what is kept in the store."""
    return writing(what, "make room, or choose another place with --store", *others)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    found = _RUST_REASON.search(str(error))
    if found:
        return os.strerror(int(found[1]))
    return " ".join(str(error).split()) or type(error).__name__
