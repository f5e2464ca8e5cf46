"""What has to be unpacked before it can be read, once, into the cache: compressed archives, videos, pixels.

Whatever is unpacked becomes one plain tar archive, which is then read in place. So nothing in an archive
decides where a file is written, and a killed process leaves nothing that looks complete.
"""

import bz2
import gzip
import hashlib
import io
import lzma
import os
import shutil
import tarfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

from filelock import Timeout

from handshape.cache.atomic import lock_folder, partial_folder
from handshape.cache.disk_errors import explain_cache_errors
from handshape.cache.location import open_cache
from handshape.data.io.packed import file_key, is_tar_head, tar_tree
from handshape.data.io.tree import Tree
from handshape.errors import DataError, HandshapeError

UNPACKED = "unpacked"
"""Name of the folder in the cache."""
LARGEST_ARCHIVE = 64 * 1024**3
_STEP = 1 << 20
_OPEN: dict[str, Any] = {"gz": gzip.open, "bz2": bz2.open, "xz": lzma.open}
# Seconds to wait for another process that unpacks the same file.
_WAIT = 3600.0


def unpacked(key: str, cache: Path | None, write: Callable[[IO[bytes]], None]) -> Tree:
    """Return the files of a plain tar in the cache, written first where it is missing.

    Args:
        key: Text that stands for the content.
        cache: The cache folder; None for the user's.
        write: Writes the tar archive.

    Raises:
        OutputError: The cache cannot be written.
    """
    place = open_cache(cache) / UNPACKED / f"{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}.tar"
    if not place.exists():
        place.parent.mkdir(exist_ok=True)
        folder = partial_folder(place)
        with (
            explain_cache_errors(f"what is unpacked to {str(place.parent)!r}"),
            lock_folder(folder, wait=_WAIT),
        ):
            if not place.exists():
                with (folder / "new").open("wb") as file:
                    write(file)
                (folder / "new").replace(place)
    return tar_tree(place)


def unpack_tar(archive: Path, compression: str, cache: Path | None) -> Tree:
    """Decompress a tar archive into the cache and list its files.

    Raises:
        DataError: It is damaged, or too large for the disk.
    """

    def write(out: IO[bytes]) -> None:
        opened: Callable[[Path], IO[bytes]] = _OPEN[compression]
        room = min(LARGEST_ARCHIVE, shutil.disk_usage(os.path.dirname(out.name)).free // 2)  # noqa: PTH120
        try:
            with opened(archive) as packed:
                while block := packed.read(_STEP):
                    if out.tell() == 0 and not is_tar_head(block[:512]):
                        raise _damaged(archive, ValueError("it holds no tar archive"))
                    if out.tell() + len(block) > room:
                        raise DataError(
                            f"{str(archive)!r} unpacks to more than {room / 1e9:,.0f} GB",
                            "an archive that fits into half of the free space of the cache, at most 64 GB",
                            "unpack it yourself, or choose another --cache",
                        )
                    out.write(block)
        except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
            raise _damaged(archive, error) from error

    try:
        return unpacked(file_key(archive), cache, write)
    except (OSError, Timeout) as error:
        if isinstance(error, HandshapeError):
            raise
        raise _damaged(archive, error) from error


def write_tar(out: IO[bytes], files: Iterable[tuple[str, bytes]]) -> None:
    """Write named files as a plain tar archive."""
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files:
            about = tarfile.TarInfo(name)
            about.size = len(data)
            tar.addfile(about, io.BytesIO(data))


def _damaged(archive: Path, error: Exception) -> DataError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return DataError(
        f"cannot read the archive {str(archive)!r} ({reason})",
        "an undamaged zip archive or tar archive (plain, gz, bz2 or xz)",
        "download it again, or unpack it",
    )
