"""The photos taken on the page: an ordinary class folder that every other command reads too."""

import os
import re
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from handshape.cache.disk_errors import explain_write_errors
from handshape.data.io.project_file import SIGNER_PATTERN
from handshape.errors import AlbumError, ImageFormatError, ImageSizeError, UnknownPhotoError
from handshape.serve.photo import decode_photo
from handshape.serve.teach.names import check_name

MOST_PHOTOS = 20_000
"""Photos of one folder; a page that is out of control does not fill the disk."""

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

    Photos are written whole before they are reported as saved. Removed photos go to the bin and can be put
    back; nothing is deleted.

    Args:
        path: Where it is; made with the first photo.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self._lock = threading.Lock()

    def photos(self) -> list[TeachPhoto]:
        """Return the photos by label, then by name, with numbers in numeric order."""
        labels = sorted(entry for entry in _entries(self.path) if entry.is_dir())
        return [photo for folder in labels for photo in _photos_in(folder)]

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

    def add(self, label: str, signer: str, data: bytes) -> TeachPhoto:
        """Save a photo.

        Args:
            label: The sign.
            signer: The signer.
            data: A JPEG file's bytes, saved unchanged.

        Returns:
            The photo; where the same bytes are there already, that one.

        Raises:
            AlbumError: A name cannot be that of a folder or file, or the folder is full.
            OutputError: There is no room on the disk.
            ImageError: The photo is no JPEG, damaged, too large or too small.
        """
        label, signer = check_name("sign", label), check_name("signer", signer)
        _check_photo(data)
        with self._lock:
            photos = self.photos()
            _check_room(label, photos)
            # The page sends a photo again if the answer was lost, and a project may be imported twice.
            for photo in (one for one in photos if one.label == label and one.signer == signer):
                path = self.path / label / photo.name
                if path.stat().st_size == len(data) and path.read_bytes() == data:
                    return photo
            name = f"{signer}_{self._next_number(label, signer)}.jpg"
            with explain_write_errors(f"to {str(self.path)!r}", _REMEDY):
                _write(self.path / label / name, data)
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
                moved.parent.mkdir(parents=True, exist_ok=True)
                if moved.exists():  # numbers are never given twice, so another program put it there
                    raise AlbumError(
                        f"{str(moved)!r} is there already", "a free place", "move that file away first"
                    )
                photo.rename(moved)
                with suppress(OSError):  # the sign has other photos
                    photo.parent.rmdir()

    def _next_number(self, label: str, signer: str) -> int:
        """Return a number that no photo of this sign and signer has or had."""
        photos = [*_photos_in(self.path / label), *_photos_in(self.path / _BIN / label)]
        # On some disks Anna_1.jpg and anna_1.jpg are one file.
        own = (one for one in photos if one.signer.casefold() == signer.casefold())
        return 1 + max((_number(photo.name) for photo in own), default=0)


def photos_by_label(photos: Iterable[TeachPhoto]) -> dict[str, list[TeachPhoto]]:
    """Return the photos of each label, in order."""
    found: dict[str, list[TeachPhoto]] = {}
    for photo in photos:
        found.setdefault(photo.label, []).append(photo)
    return found


def _check_room(label: str, photos: list[TeachPhoto]) -> None:
    if len(photos) >= MOST_PHOTOS:
        raise AlbumError(f"{len(photos)} photos", f"at most {MOST_PHOTOS}", "start with another --teach")
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
    height, width = decode_photo(data).shape[:2]
    low, high = _SIDES
    if not (low <= height <= high and low <= width <= high):
        raise ImageSizeError(f"a photo of {width} x {height} pixels", f"sides of {low} to {high}", remedy)


def _find(root: Path, label: str, name: str) -> Path:
    # Looked up among the files that are there; a path is never made of what a client sent.
    for folder in _entries(root):
        if folder.name == label and folder.is_dir():
            for photo in _photos_in(folder):
                if photo.name == name:
                    return folder / name
    raise UnknownPhotoError(
        f"no photo {name[:80]!r} of {label[:80]!r}", "one of those in the folder", "look at the list again"
    )


def _entries(folder: Path) -> list[Path]:
    with suppress(FileNotFoundError, NotADirectoryError):
        return [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    return []


def _photos_in(folder: Path) -> list[TeachPhoto]:
    names = [entry.name for entry in _entries(folder) if entry.suffix.lower() in _SUFFIXES]
    signers = {name: re.search(SIGNER_PATTERN, name) for name in sorted(names, key=_order)}
    return [TeachPhoto(folder.name, name, found[1] if found else "") for name, found in signers.items()]


def _number(name: str) -> int:
    digits = re.search(r"_(\d{1,9})\.[a-z]+$", name, re.IGNORECASE)
    return int(digits[1]) if digits else 0


def _order(name: str) -> tuple[str, int, str]:
    return name.rpartition("_")[0], _number(name), name


def _write(path: Path, data: bytes) -> None:
    """Write a file that is whole or not there, whenever the program ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)
