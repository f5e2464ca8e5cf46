"""The photos taken on the page: an ordinary class folder that every other command reads too."""

import errno
import os
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from filelock import FileLock, Timeout

from handshape.cache.disk_errors import explain_write_errors
from handshape.data.io.packed import LARGEST_FILE
from handshape.data.io.project_file import SIGNER_PATTERN
from handshape.errors import (
    AlbumError,
    ImageError,
    ImageFormatError,
    ImageSizeError,
    OutputError,
    UnknownPhotoError,
)
from handshape.regular_file import read_regular_file
from handshape.serve.photo import check_side, decode_photo
from handshape.serve.teach.names import check_name
from handshape.serve.teach.photo_digests import PhotoDigests

MOST_PHOTOS = 20_000
"""Photos of one folder, its bin included; a page that is out of control does not fill the disk."""

_MOST_BYTES = 2_000_000
_SIDES = (32, 2000)  # pixels
_BIN = ".bin"
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
_REMEDY = "make room, or start with another --teach"


@dataclass(frozen=True)
class TeachPhoto:
    """One photo of the folder.

    Args:
        label: The sign.
        name: Name of the file in the label's folder.
        signer: The signer; empty where the file name holds none.
    """

    label: str
    name: str
    signer: str


class PhotoFolder:
    """A class folder, ``<label>/<signer>_<n>.jpg``, with a bin in it.

    Photos are written whole before they are reported as saved, and each has a digest. Removed photos go to
    the bin, and can be put back until the next server starts. Links are never followed.

    Args:
        path: Where it is; made with the first photo.

    Attributes:
        damaged: Photos that were found to be damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self.damaged: set[TeachPhoto] = set()
        self._lock = threading.Lock()
        self._digests = PhotoDigests(self.path)

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Keep other servers out during the block, at whose beginning the bin is emptied.

        Raises:
            OutputError: Another server uses the folder.
        """
        lock = FileLock(self.path.with_name(f".{self.path.name}.lock"), thread_local=False)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=0)
            self._empty_bin()
        except Timeout as error:
            raise OutputError(
                f"another server uses the photos in {str(self.path)!r}",
                "one server for a folder",
                "stop the other, or start with another --teach",
            ) from error
        except OSError:  # where nothing can be written, no photo can be lost
            pass
        try:
            yield
        finally:
            lock.release()

    def photos(self) -> list[TeachPhoto]:
        """Return the photos by label, then by name, with numbers in numeric order."""
        return [photo for folder in sorted(_folders(self.path)) for photo in _photos_in(folder)]

    def sound(self) -> list[TeachPhoto]:
        """Return the photos that can be read and are as they were taken; the others are in ``damaged``."""
        return [photo for photo in self.photos() if self._is_sound(photo)]

    def _is_sound(self, photo: TeachPhoto) -> bool:
        try:
            self.read(photo.label, photo.name)
        except (ImageError, UnknownPhotoError):
            return False
        return True

    def fingerprint(self) -> str:
        """Return 32 hexadecimal digits that change with the list of photos."""
        names = "\n".join(f"{photo.label}/{photo.name}" for photo in self.photos())
        return blake2b(names.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()

    def find(self, label: str, name: str) -> Path:
        """Return the path of a photo.

        Raises:
            UnknownPhotoError: There is no such photo.
        """
        return _find(self.path, label, name)

    def read(self, label: str, name: str) -> bytes:
        """Return the content of a photo.

        Raises:
            ImageError: It is damaged.
            UnknownPhotoError: There is no such photo.
        """
        path = self.find(label, name)
        try:
            data = read_regular_file(path, LARGEST_FILE, follow=False)
        except FileNotFoundError as error:
            raise _unknown(label, name) from error
        except OSError as error:
            raise self._damaged(path, error.strerror or "cannot be read") from error
        if not self._digests.is_sound(label, name, data):
            raise self._damaged(path, "its content has changed since it was taken")
        return data

    def _damaged(self, path: Path, reason: str) -> ImageError:
        self.damaged.add(_photo(path.parent.name, path.name))
        return ImageError(
            f"the photo {path.parent.name}/{path.name} is damaged ({reason})",
            "a photo as it was taken",
            "remove it, and take another",
        )

    def add(self, label: str, signer: str, data: bytes) -> TeachPhoto:
        """Save a photo.

        Args:
            label: The sign.
            signer: The signer.
            data: A JPEG file's bytes, saved unchanged.

        Returns:
            The photo; where the same bytes are there already, that one.

        Raises:
            AlbumError: A name cannot be that of a folder or file, or the folder is full or a link.
            OutputError: There is no room on the disk.
            ImageError: The photo is no JPEG, damaged, too large or too small.
        """
        label, signer = check_name("sign", label), check_name("signer", signer)
        _check_photo(data)
        with self._lock:
            photos = self.photos()
            _check_room(
                label, photos, sum(1 for folder in _folders(self.path / _BIN) for _ in _photos_in(folder))
            )
            # The page sends a photo again if the answer was lost, and a project may be imported twice.
            for photo in (one for one in photos if one.label == label and one.signer == signer):
                with suppress(ImageError, UnknownPhotoError):  # damaged, or removed by another program
                    if self.read(label, photo.name) == data:
                        return photo
            name = f"{signer}_{self._next_number(label, signer)}.jpg"
            with explain_write_errors(f"to {str(self.path)!r}", _REMEDY):
                _write(_no_link(self.path / label) / name, data)
            self._digests.add(label, name, data)
        return TeachPhoto(label, name, signer)

    def remove(self, label: str, name: str) -> None:
        """Move a photo to the bin.

        Raises:
            OutputError: The folder cannot be written.
            UnknownPhotoError: There is no such photo.
        """
        self._move(label, name, self.path, self.path / _BIN)

    def restore(self, label: str, name: str) -> None:
        """Put a photo back from the bin.

        Raises:
            AlbumError: Another file has its name now.
            OutputError: The folder cannot be written.
            UnknownPhotoError: There is no such photo in the bin.
        """
        self._move(label, name, self.path / _BIN, self.path)

    def _move(self, label: str, name: str, source: Path, target: Path) -> None:
        with self._lock:
            photo, moved = _find(source, label, name), target / label / name
            with explain_write_errors(f"to {str(self.path)!r}", _REMEDY):
                _no_link(_no_link(target) / label).mkdir(parents=True, exist_ok=True)
                if moved.exists():  # numbers are never given twice, so another program put it there
                    raise AlbumError(
                        f"{str(moved)!r} is there already", "a free place", "move that file away first"
                    )
                photo.rename(moved)
                with suppress(OSError):  # the sign has other photos
                    photo.parent.rmdir()

    def _next_number(self, label: str, signer: str) -> int:
        """Return a number that no photo of this sign and signer has or had."""
        there = [*_photos_in(self.path / label), *_photos_in(self.path / _BIN / label)]
        photos = [*there, *(_photo(label, name) for name in self._digests.names(label))]
        # On some disks Anna_1.jpg and anna_1.jpg are one file.
        own = (one for one in photos if one.signer.casefold() == signer.casefold())
        return 1 + max((_number(photo.name) for photo in own), default=0)

    def _empty_bin(self) -> None:
        for folder in _folders(self.path / _BIN):
            for photo in _photos_in(folder):
                (folder / photo.name).unlink(missing_ok=True)
            with suppress(OSError):  # it has something that is no photo
                folder.rmdir()


def photos_by_label(photos: Iterable[TeachPhoto]) -> dict[str, list[TeachPhoto]]:
    """Return the photos of each label, in order."""
    found: dict[str, list[TeachPhoto]] = {}
    for photo in photos:
        found.setdefault(photo.label, []).append(photo)
    return found


def _check_room(label: str, photos: list[TeachPhoto], removed: int) -> None:
    if len(photos) + removed >= MOST_PHOTOS:
        raise AlbumError(
            f"{len(photos)} photos, and {removed} in the bin",
            f"at most {MOST_PHOTOS}",
            "start the server again, which empties the bin, or start it with another --teach",
        )
    alike = {one.label for one in photos if one.label.casefold() == label.casefold()} - {label}
    if alike:
        # On many disks both would be one folder.
        raise AlbumError(
            f"the sign {label!r} differs from {min(alike)!r} by capitals only",
            "one spelling",
            f"write {min(alike)!r}",
        )


def _check_photo(data: bytes) -> None:
    remedy = "send the square around the hand"
    if len(data) > _MOST_BYTES:
        raise ImageSizeError(f"a photo of {len(data):,} bytes", f"at most {_MOST_BYTES:,}", remedy)
    if not data.startswith(b"\xff\xd8"):
        raise ImageFormatError("a photo that is no JPEG", "a JPEG", "send it as image/jpeg")
    low, high = _SIDES
    check_side(data, high)
    height, width = decode_photo(data).shape[:2]
    if not (low <= height <= high and low <= width <= high):
        raise ImageSizeError(f"a photo of {width} x {height} pixels", f"sides of {low} to {high}", remedy)


def _find(root: Path, label: str, name: str) -> Path:
    # Looked up among the files that are there; a path is never made of what a client sent.
    for folder in _folders(root):
        if folder.name == label:
            for photo in _photos_in(folder):
                if photo.name == name:
                    return folder / name
    raise _unknown(label, name)


def _unknown(label: str, name: str) -> UnknownPhotoError:
    return UnknownPhotoError(
        f"no photo {name[:80]!r} of {label[:80]!r}", "one of those in the folder", "look at the list again"
    )


def _folders(root: Path) -> list[Path]:
    """Return the folders of signs; links to folders are none of them."""
    return [Path(entry.path) for entry in _entries(root) if entry.is_dir(follow_symlinks=False)]


def _photos_in(folder: Path) -> list[TeachPhoto]:
    if folder.is_symlink():
        return []
    files = (entry.name for entry in _entries(folder) if entry.is_file(follow_symlinks=False))
    names = sorted((name for name in files if Path(name).suffix.lower() in _SUFFIXES), key=_order)
    return [_photo(folder.name, name) for name in names]


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as found:
        return [entry for entry in found if not entry.name.startswith(".")]
    return []


def _photo(label: str, name: str) -> TeachPhoto:
    signer = re.search(SIGNER_PATTERN, name)
    return TeachPhoto(label, name, signer[1] if signer else "")


def _no_link(folder: Path) -> Path:
    if folder.is_symlink():
        raise AlbumError(f"{str(folder)!r} is a link", "a folder", "put the folder itself in its place")
    return folder


def _number(name: str) -> int:
    digits = re.search(r"_(\d{1,9})\.[a-z]+$", name, re.IGNORECASE)
    return int(digits[1]) if digits else 0


def _order(name: str) -> tuple[str, int, str]:
    return name.rpartition("_")[0], _number(name), name


def _write(path: Path, data: bytes) -> None:
    """Write a file that is whole or not there, whenever the program ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own, for the photo's may be as long as a disk allows.
    partial = path.with_name(f".{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        raise AlbumError(
            f"the name {path.name!r} is too long for this disk",
            "a shorter name of sign and signer",
            "choose another name",
        ) from error
    finally:
        partial.unlink(missing_ok=True)
