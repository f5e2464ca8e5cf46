"""The photos that are taught from: an ordinary class folder that other commands read as it is."""

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from handshape.errors import AlbumError, ImageFormatError, ImageSizeError, OutputError, UnknownPhotoError
from handshape.serve.photo import decode_photo
from handshape.serve.teach.names import check_name

SIGNER = r"([^/]+)_\d+\.\w+$"
"""Finds the signer in ``<label>/<signer>_<n>.jpg``, for ``--signer``."""

MOST = 20_000  # photos; a browser that has run wild does not fill the disk
_HEAVIEST = 2_000_000  # bytes of one photo
_SIDES = (32, 2000)  # pixels
_BIN = ".bin"
_KINDS = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}


@dataclass(frozen=True)
class Photo:
    """One photo of an album.

    Args:
        label: The sign.
        name: Name of the file in the label's folder.
        signer: Who signs; empty where the name of the file does not tell.
    """

    label: str
    name: str
    signer: str

    @property
    def kind(self) -> str:
        """Media type of the file."""
        return _KINDS[Path(self.name).suffix.lower()]


class Album:
    """A class folder, ``<label>/<signer>_<n>.jpg``, with a bin in it.

    A photo is on the disk, whole, before it is said to be saved. One that is taken out goes to the bin and
    can be put back; nothing is deleted.

    Args:
        folder: Made with the first photo.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.expanduser().absolute()
        self._lock = threading.Lock()

    def photos(self) -> list[Photo]:
        """Return the photos in order: by label, then by name, numbers by size."""
        labels = sorted(entry for entry in _entries(self.folder) if entry.is_dir())
        return [photo for folder in labels for photo in _photos_in(folder)]

    def fingerprint(self) -> str:
        """Return 32 hexadecimal digits that stand for which photos there are."""
        names = "\n".join(f"{photo.label}/{photo.name}" for photo in self.photos())
        return blake2b(names.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()

    def path(self, label: str, name: str) -> Path:
        """Return where a photo is.

        Args:
            label: Its label.
            name: Name of its file.

        Raises:
            UnknownPhotoError: There is no such photo.
        """
        # Looked up among what is there; a path is never made of what a client sent.
        return self._find(self.folder, label, name)

    def add(self, label: str, signer: str, data: bytes) -> Photo:
        """Keep a photo.

        Args:
            label: The sign.
            signer: Who signs.
            data: A JPEG file's bytes; kept as they are.

        Returns:
            The photo; where the very same bytes are there already, that one.

        Raises:
            AlbumError: A name cannot be one of a folder or file, or the album is full.
            OutputError: There is no room on the disk.
            ImageFormatError: The photo is no JPEG.
            ImageSizeError: It is too large or too small.
            ImageError: It is damaged.
        """
        label, signer = check_name("sign", label), check_name("signer", signer)
        _check_photo(data)
        with self._lock:
            photos = self.photos()
            self._check_room(label, photos)
            own = [one for one in photos if one.label == label and one.signer == signer]
            for photo in own[-24:]:  # sent again because its answer got lost
                if (self.folder / label / photo.name).read_bytes() == data:
                    return photo
            name = f"{signer}_{self._next(label, signer)}.jpg"
            with _told(self.folder):
                _write(self.folder / label / name, data)
        return Photo(label, name, signer)

    def remove(self, label: str, name: str) -> None:
        """Move a photo to the bin.

        Raises:
            OutputError: The disk refuses.
            UnknownPhotoError: There is no such photo.
        """
        with self._lock:
            source = self._find(self.folder, label, name)
            with _told(self.folder):
                _move(source, self.folder / _BIN / label / name)

    def restore(self, label: str, name: str) -> None:
        """Put a photo back from the bin.

        Raises:
            AlbumError: Another file has its name now.
            OutputError: The disk refuses.
            UnknownPhotoError: There is no such photo in the bin.
        """
        with self._lock:
            source = self._find(self.folder / _BIN, label, name)
            with _told(self.folder):
                _move(source, self.folder / label / name)

    def _find(self, root: Path, label: str, name: str) -> Path:
        for folder in _entries(root):
            if folder.name == label and folder.is_dir():
                for photo in _photos_in(folder):
                    if photo.name == name:
                        return folder / name
        raise UnknownPhotoError(
            f"no photo {name[:80]!r} of {label[:80]!r}", "one of those in the album", "look at the list again"
        )

    def _next(self, label: str, signer: str) -> int:
        """Return a number that no photo of this sign and signer has or had."""
        photos = [*_photos_in(self.folder / label), *_photos_in(self.folder / _BIN / label)]
        # On some disks Anna_1.jpg and anna_1.jpg are one file.
        own = (one for one in photos if one.signer.casefold() == signer.casefold())
        return 1 + max((_number(photo.name) for photo in own), default=0)

    def _check_room(self, label: str, photos: list[Photo]) -> None:
        if len(photos) >= MOST:
            raise AlbumError(f"{len(photos)} photos", f"at most {MOST}", "start with another --teach")
        alike = {one.label for one in photos if one.label.casefold() == label.casefold()} - {label}
        if alike:
            # On many disks both would be one folder.
            raise AlbumError(
                f"the sign {label!r} differs from {min(alike)!r} by capitals only",
                "one spelling",
                f"write {min(alike)!r}",
            )


def _check_photo(data: bytes) -> None:
    if len(data) > _HEAVIEST:
        raise ImageSizeError(
            f"a photo of {len(data):,} bytes", f"at most {_HEAVIEST:,}", "send the square around the hand"
        )
    if not data.startswith(b"\xff\xd8"):
        raise ImageFormatError("a photo that is no JPEG", "a JPEG", "send it as image/jpeg")
    height, width = decode_photo(data).shape[:2]
    low, high = _SIDES
    if not (low <= height <= high and low <= width <= high):
        raise ImageSizeError(
            f"a photo of {width} x {height} pixels",
            f"sides of {low} to {high}",
            "send the square around the hand",
        )


def _entries(folder: Path) -> list[Path]:
    with suppress(FileNotFoundError, NotADirectoryError):
        return [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    return []


def _photos_in(folder: Path) -> list[Photo]:
    found = [entry.name for entry in _entries(folder) if entry.suffix.lower() in _KINDS]
    return [_photo(folder.name, name) for name in sorted(found, key=_order)]


def _photo(label: str, name: str) -> Photo:
    match = re.search(SIGNER, name)
    return Photo(label, name, match.group(1) if match else "")


def _number(name: str) -> int:
    digits = re.search(r"_(\d{1,9})\.[a-z]+$", name, re.IGNORECASE)
    return int(digits.group(1)) if digits else 0


def _order(name: str) -> tuple[str, int, str]:
    return name.rpartition("_")[0], _number(name), name


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Say of what the disk refuses what can be done about it."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"cannot write to {str(folder)!r} ({error.strerror or error})",
            "a folder with room that can be written to",
            "make room, or start with another --teach",
        ) from error


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


def _move(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():  # numbers are never given twice, so someone else put it there
        raise AlbumError(f"{str(target)!r} is there already", "a free place", "move that file away first")
    source.rename(target)
    with suppress(OSError):  # not empty: other photos of the sign
        source.parent.rmdir()


def by_label(photos: list[Photo]) -> Iterator[tuple[str, list[Photo]]]:
    """Yield each label with its photos, in order."""
    for label in dict.fromkeys(photo.label for photo in photos):
        yield label, [photo for photo in photos if photo.label == label]
