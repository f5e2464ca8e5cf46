"""Read files that may not be what their names say: pipes, devices, links, and files of no end."""

import errno
import os
import stat
from pathlib import Path

# A larger file must be on the disk in earnest: mostly holes, it would take no room there, and all of it here.
_HOLES_FROM = 16 * 1024**2


def read_regular_file(path: Path, largest: int, *, follow: bool = True) -> bytes:
    """Return a file's content.

    Args:
        path: The file.
        largest: Bytes that it may have.
        follow: Whether the path may be a link.

    Raises:
        OSError: It cannot be read, is no regular file, or is too large; ``strerror`` says which.
    """
    # Opening a pipe would wait for somebody who writes to it.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    if not follow:
        flags |= getattr(os, "O_NOFOLLOW", 0)
        if path.is_symlink():
            raise OSError(errno.ELOOP, "is a link", str(path))
    with os.fdopen(os.open(path, flags), "rb") as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise OSError(errno.EINVAL, "is no regular file", str(path))
        if about.st_size > largest:
            raise OSError(errno.EFBIG, f"has {about.st_size:,} bytes, more than {largest:,}", str(path))
        if about.st_size > _HOLES_FROM and _is_mostly_holes(file.fileno(), about):
            raise OSError(errno.EINVAL, "is mostly holes", str(path))
        content = file.read(largest + 1)
        if len(content) > largest:
            raise OSError(errno.EFBIG, f"has more than {largest:,} bytes", str(path))
        return content


def _is_mostly_holes(descriptor: int, about: os.stat_result) -> bool:
    if not hasattr(os, "SEEK_HOLE"):
        return False
    # Some file systems do not count blocks, and some do not know of holes.
    found = (
        os.lseek(descriptor, 0, os.SEEK_HOLE) < about.st_size and about.st_blocks * 512 < about.st_size / 2
    )
    os.lseek(descriptor, 0, os.SEEK_SET)
    return found
