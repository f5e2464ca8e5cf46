"""Files inside zip and tar archives, read in place."""

import errno
import os
import stat
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

from handshape.data.dataset import Unused
from handshape.data.io.tree import File, Tree, tree_of

if sys.platform == "win32":
    from pathlib import WindowsPath as _SystemPath
else:
    from pathlib import PosixPath as _SystemPath

# No photo is larger; a file that claims to be is not read.
LARGEST_FILE = 512 * 1024 * 1024
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


class PackedFile(_SystemPath):
    """Path of a file inside an archive; only ``read_bytes`` looks into it."""

    archive: Path
    member: str
    place: tuple[int, int] | None
    """Offset and size in bytes in a plain tar; None in a zip archive."""

    @classmethod
    def at(cls, archive: Path, member: str, place: tuple[int, int] | None = None) -> Self:
        """Return the path of a member of an archive."""
        path = cls(archive / member)
        path.archive, path.member, path.place = archive, member, place
        return path

    def __reduce__(self) -> Any:
        return PackedFile.at, (self.archive, self.member, self.place)

    def is_file(self, **options: Any) -> bool:
        """Return True: only files are listed."""
        return True

    def read_bytes(self) -> bytes:
        """Return the member's content.

        Raises:
            OSError: The archive cannot be read, or the member is damaged or too large.
        """
        if self.place is not None:
            offset, size = self.place
            _check_size(size)
            with self.archive.open("rb") as file:
                file.seek(offset)
                return file.read(size)
        try:
            archive = _open_zip(str(self.archive), self.archive.stat().st_mtime_ns)
            _check_size(archive.getinfo(self.member).file_size)
            return archive.read(self.member)
        except _DAMAGED as error:
            raise OSError(errno.EIO, f"damaged in the archive: {error}") from error


def _check_size(size: int) -> None:
    if size > LARGEST_FILE:
        raise OSError(errno.EFBIG, f"{size / 1e6:,.0f} MB, larger than any photo")


@lru_cache(maxsize=4)
def _open_zip(archive: str, changed: int) -> zipfile.ZipFile:
    # Its members may be read by several threads at once: zipfile locks the file for each read.
    return zipfile.ZipFile(archive)


def zip_tree(archive: Path) -> Tree:
    """List the files of a zip archive.

    Raises:
        OSError: It cannot be read, or is damaged.
    """
    try:
        members = _open_zip(str(archive), archive.stat().st_mtime_ns).infolist()
    except _DAMAGED as error:
        raise OSError(errno.EIO, f"damaged: {error}") from error
    found, unused = [], []
    for member in members:
        name, mode = member.filename.replace("\\", "/"), member.external_attr >> 16
        if member.is_dir():
            continue
        if stat.S_ISLNK(mode):
            unused.append(_link(name))
        elif member.flag_bits & 1:
            unused.append(Unused(name, "encrypted", "encrypted in the archive"))
        else:
            found.append((name, PackedFile.at(archive, member.filename)))
    return _tree(archive, found, unused)


def tar_tree(archive: Path) -> Tree:
    """List the files of a tar archive that is not compressed.

    Raises:
        OSError: It cannot be read, or is damaged.
    """
    found, unused = [], []
    try:
        with tarfile.open(archive, "r:") as tar:
            for member in tar:
                if member.issym() or member.islnk():
                    unused.append(_link(member.name))
                elif member.isfile() and not member.issparse():
                    place = (member.offset_data, member.size)
                    found.append((member.name, PackedFile.at(archive, member.name, place)))
                elif not member.isdir():
                    unused.append(Unused(member.name, "special file", "neither a file nor a folder"))
    except (tarfile.TarError, ValueError) as error:
        raise OSError(errno.EIO, f"damaged: {error}") from error
    return _tree(archive, found, unused)


def _link(name: str) -> Unused:
    return Unused(name, "link", "a link inside an archive, which is never followed")


def _tree(archive: Path, members: list[tuple[str, PackedFile]], unused: list[Unused]) -> Tree:
    tree = tree_of(archive, _inside(members, unused))
    tree.unused += unused
    return tree


def _inside(members: list[tuple[str, PackedFile]], unused: list[Unused]) -> Iterator[File]:
    seen = set[str]()
    for name, path in members:
        parts = [part for part in name.split("/") if part not in ("", ".")]
        shown = "/".join(parts)
        if name.startswith("/") or ".." in parts or not parts or ":" in parts[0]:
            unused.append(Unused(name, "unsafe name", "its name leads out of the archive"))
        elif shown in seen:
            unused.append(Unused(shown, "twice", "the archive has another file of this name"))
        else:
            seen.add(shown)
            yield File(path, shown)


def is_tar(path: Path) -> bool:
    """Return whether a file is a tar archive that is not compressed."""
    with path.open("rb") as file:
        return is_tar_head(file.read(512))


def is_tar_head(head: bytes) -> bool:
    """Return whether a file's first 512 bytes are those of a tar archive."""
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except tarfile.TarError:
        return False
    return True


def compression_of(path: Path) -> str | None:
    """Return how a compressed tar archive is compressed: gz, bz2 or xz; None for anything else."""
    with path.open("rb") as file:
        head = file.read(6)
    magic = {"gz": b"\x1f\x8b", "bz2": b"BZh", "xz": b"\xfd7zXZ\x00"}
    return next((kind for kind, start in magic.items() if head.startswith(start)), None)


def file_key(path: Path) -> str:
    """Return text that changes when a file is replaced."""
    about = path.stat()
    return f"{os.path.realpath(path)} {about.st_size} {about.st_mtime_ns}"
