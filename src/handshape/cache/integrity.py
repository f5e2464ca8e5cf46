"""Checksums of what is kept, against damage on a disk: written with it, and checked whenever it is read.

They are CRC-32, which finds every flipped bit; against malice they are no help.
"""

import errno
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from handshape.errors import HandshapeError, OutputError
from handshape.progress import say

_Result = TypeVar("_Result")
Checksums = NDArray[np.uint32]
_BYTES = 4  # of a checksum
# How often what was damaged is made anew, before the disk is given up.
_TRIES = 3
# Errors of the system that say nothing about what is on the disk.
_NO_DAMAGE = {
    *(errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.ENOMEM),
    *(errno.ENOSPC, errno.EROFS, errno.EDQUOT),
}


class LostRowsError(Exception):
    """Rows are no longer in the cache, damaged or cleared; who asked for them makes them anew."""


def checksums(keys: Iterable[bytes], *columns: Iterable[Any]) -> Checksums:
    """Return a checksum for each of N rows, (N,) uint32.

    Args:
        keys: What each row stands for, so that one row in another's place is found too.
        columns: N contents each: bytes, or contiguous arrays.
    """
    sums = [crc32(key) for key in keys]
    for column in columns:
        sums = [crc32(content, before) for content, before in zip(column, sums, strict=True)]
    return np.array(sums, dtype=np.uint32)


def seal(content: bytes) -> bytes:
    """Return a file's content with its checksum at the end."""
    return content + crc32(content).to_bytes(_BYTES)


def unseal(sealed: bytes) -> bytes | None:
    """Return the content that was sealed; None where it is damaged."""
    content, found = sealed[:-_BYTES], sealed[-_BYTES:]
    return content if len(found) == _BYTES and crc32(content).to_bytes(_BYTES) == found else None


def read_sealed(file: Path) -> bytes | None:
    """Return the content of a sealed file of the cache; None where there is none or it is damaged.

    Raises:
        OutputError: The file is there and cannot be read.
    """
    try:
        content = unseal(file.read_bytes())
    except FileNotFoundError:
        return None
    if content is None:
        say(f"The file {file.name} in the cache was damaged. It is made anew.")
    return content


def until_sound(read: Callable[[], _Result]) -> _Result:
    """Return what a function reads from the cache, called again where rows were lost meanwhile.

    Args:
        read: Makes what is missing, and reads it; raises `LostRowsError` for rows that are gone.

    Raises:
        OutputError: What was just made is lost again.
    """
    for _ in range(_TRIES):
        try:
            return read()
        except LostRowsError:
            continue
    raise OutputError(
        "rows of the cache are lost again and again",
        "a disk that keeps what is written, and nobody who clears the cache",
        "choose another folder with --cache",
    )


def is_damage(error: BaseException) -> bool:
    """Return whether an error of a library that read the cache says that the cache is damaged."""
    if isinstance(error, HandshapeError | LostRowsError | MemoryError):
        return False
    if isinstance(error, OSError) and error.errno in _NO_DAMAGE:
        return False
    # Lance's panics are no Exceptions, and their class has no public name.
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"
