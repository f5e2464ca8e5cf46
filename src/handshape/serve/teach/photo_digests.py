"""Digests of an album's photos, kept since each was taken: a photo that has another one is damaged."""

from contextlib import suppress
from pathlib import Path
from zlib import crc32

from handshape.data.images.prepared import content_digest
from handshape.regular_file import read_regular_file

_FILE = ".digests"
_LARGEST = 64 * 1024**2  # bytes, of a quarter of a million photos
_CHECKSUM = 8  # digits


class PhotoDigests:
    """A hidden file of the album with a line for each photo; of two lines for one photo the last counts.

    Args:
        folder: The album.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / _FILE
        self._known: dict[str, str] | None = None

    def is_sound(self, label: str, name: str, data: bytes) -> bool:
        """Return whether a photo is as it was taken; the digest of one that is not known yet is added."""
        digest, photo = content_digest(data), f"{label}/{name}"
        if photo not in self._all():
            self.add(label, name, data)
        return self._all()[photo] == digest

    def add(self, label: str, name: str, data: bytes) -> None:
        """Keep the digest of a photo."""
        digest, photo = content_digest(data), f"{label}/{name}"
        self._all()[photo] = digest
        line = f"{digest} {photo}"
        with suppress(OSError):  # it is added when the photo is read by the next server
            if not self._file.is_symlink():
                with self._file.open("a", encoding="utf-8", errors="surrogateescape") as file:
                    file.write(f"{_checksum(line)} {line}\n")

    def names(self, label: str) -> list[str]:
        """Return the names of all photos of a label that are or were there."""
        return [photo.split("/", 1)[1] for photo in self._all() if photo.startswith(f"{label}/")]

    def _all(self) -> dict[str, str]:
        if self._known is None:
            self._known = dict(self._read())
        return self._known

    def _read(self) -> list[tuple[str, str]]:
        try:
            text = read_regular_file(self._file, _LARGEST, follow=False).decode("utf-8", "surrogateescape")
        except OSError:
            return []
        # A line that a killed server cut short, or that is damaged, says nothing.
        lines = [line.split(" ", 1) for line in text.splitlines() if " " in line]
        whole = [line for checksum, line in lines if checksum == _checksum(line)]
        return [(photo, digest) for digest, _, photo in (line.partition(" ") for line in whole)]


def _checksum(line: str) -> str:
    return f"{crc32(line.encode('utf-8', 'surrogateescape')):0{_CHECKSUM}x}"
