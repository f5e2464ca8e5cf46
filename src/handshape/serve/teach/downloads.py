"""What can be taken away from Teach, as zip archives: the photos, the bundle, the page."""

import io
import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from handshape.data.io.project_file import PROJECT, PROJECT_FORMAT, SIGNER_PATTERN
from handshape.errors import AlbumError, ExportError, ImageError, MissingExtraError, UnknownPhotoError
from handshape.export.web import write_web_page
from handshape.export.webruntime import find_runtime
from handshape.run import find_bundle
from handshape.serve.teach.photo_folder import TeachPhoto
from handshape.serve.teach.teacher import Teacher

Download = Literal["photos", "bundle", "page"]
NAMES: dict[Download, str] = {
    "photos": "handshape-project.zip",
    "bundle": "handshape-recogniser.zip",
    "page": "handshape-page.zip",
}
"""Names of the archives."""


def download(teacher: Teacher, what: Download) -> Iterator[bytes]:
    """Return an archive in pieces; what cannot be had is refused before the first.

    Args:
        teacher: Has the photos and what was taught.
        what: The archive.

    Raises:
        AlbumError: There is no photo, or nothing was taught.
        ExportError: What runs a page in a browser is missing and could not be downloaded.
    """
    if what == "photos":
        return _project(teacher)
    taught = teacher.taught
    if taught is None:
        raise AlbumError("nothing was taught yet", "a recogniser of taught signs", "train first")
    if what == "bundle":
        place = find_bundle(teacher.bundle)
        return zipped(_contents(place.parent, sorted(place.iterdir())))
    try:
        runtime = find_runtime(None)
    except (ExportError, MissingExtraError) as error:
        raise ExportError(
            f"the page cannot be made ({error.wrong})",
            "onnxruntime-web, which runs it and is downloaded once with npm",
            "connect to the internet and install Node.js, or use `handshape export --runtime`",
        ) from error
    folder = Path(tempfile.mkdtemp())
    try:
        (folder / "page").mkdir()
        write_web_page(folder / "page", runtime, taught.recogniser, taught.digest)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return _and_delete(folder)


def _project(teacher: Teacher) -> Iterator[bytes]:
    photos, base = teacher.folder.photos(), teacher.base
    if not photos:
        raise AlbumError("there is no photo yet", "photos of a sign", "take some first")
    about: dict[str, Any] = {
        "format": PROJECT_FORMAT,
        "base": base.digest if base else None,
        "base_labels": list(base.recogniser.labels) if base else [],
        "signer_pattern": SIGNER_PATTERN,
    }
    text = json.dumps(about, indent=2, ensure_ascii=False).encode()
    return zipped(_photos(teacher, photos), first=(PROJECT, text))


def _photos(teacher: Teacher, photos: Iterable[TeachPhoto]) -> Iterator[tuple[str, bytes]]:
    for photo in photos:
        with suppress(ImageError, UnknownPhotoError):  # damaged, which the page says, or removed meanwhile
            yield f"{photo.label}/{photo.name}", teacher.folder.read(photo.label, photo.name)


def _contents(root: Path, files: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    for path in files:
        with suppress(FileNotFoundError):  # removed meanwhile
            yield path.relative_to(root).as_posix(), path.read_bytes()


def _and_delete(folder: Path) -> Iterator[bytes]:
    """Return the archive of a temporary folder, which is deleted at the end."""
    try:
        files = (path for path in sorted(folder.rglob("*")) if path.is_file())
        yield from zipped(_contents(folder, files))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def zipped(files: Iterable[tuple[str, bytes]], first: tuple[str, bytes] | None = None) -> Iterator[bytes]:
    """Return a zip archive piece by piece, so that it is never in memory as a whole.

    Files are stored as they are: photos, weights and graphs hardly become smaller.

    Args:
        files: Names in the archive, and contents.
        first: A name and its content, before the files.
    """
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as archive:
        if first is not None:
            archive.writestr(*first)
        for name, content in files:
            archive.writestr(zipfile.ZipInfo(name), content)
            yield pipe.take()
    yield pipe.take()


class _Pipe(io.RawIOBase):
    """Keeps what was written until it is taken."""

    def __init__(self) -> None:
        super().__init__()
        self._written = bytearray()

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: Any) -> int:
        """Keep some bytes."""
        self._written += data
        return len(data)

    def take(self) -> bytes:
        """Return what was written since the last call."""
        found = bytes(self._written)
        self._written.clear()
        return found
