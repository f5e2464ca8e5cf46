"""Download onnxruntime-web from the npm registry once, check it, and keep it in the cache."""

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from handshape.cache.location import open_cache
from handshape.errors import ExportError, MissingExtraError
from handshape.progress import say

VERSION = "1.30.0"

# The second pair is for WebGPU. A visitor's browser fetches one of the pairs: 14 or 17 MB. The build with
# WebGPU for browsers without JSPI would be another 27 MB; those use WebAssembly.
FILES = {
    "ort.wasm.bundle.min.mjs": "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
    "ort-wasm-simd-threaded.wasm": "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
    "ort.jspi.bundle.min.mjs": "07ec090355e11b342c95436db54da2d0c2bd5b1d319745bfd3337e6bdcf170ac",
    "ort-wasm-simd-threaded.jspi.wasm": "a54c76f86b0f0d9572380cf1c6292a7b3903716ffcbcd6b0e5c7050bf430eb93",
}
"""Files of the package that a page needs, with their SHA-256 digests."""

_PACKAGE = f"onnxruntime-web@{VERSION}"


def find_runtime(folder: Path | None) -> Path:
    """Return a folder with the files that a page needs.

    Args:
        folder: Folder with them, such as ``node_modules/onnxruntime-web/dist``; ``None`` for those in the
            cache, downloaded with npm if they are missing.

    Raises:
        MissingExtraError: They are missing, and npm is not installed.
        ExportError: npm could not download them, or they are of another version.
    """
    kept = open_cache() / f"onnxruntime-web-{VERSION}"
    if folder is not None:
        _keep(folder.expanduser(), kept)
    elif not _is_whole(kept):
        _fetch(kept)
    return kept


def _is_whole(folder: Path) -> bool:
    return all(_digest(folder / name) == digest for name, digest in FILES.items())


def _digest(file: Path) -> str | None:
    if not file.is_file():
        return None
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _keep(folder: Path, kept: Path) -> None:
    """Check the files and copy them into the cache."""
    for name, digest in FILES.items():
        if _digest(folder / name) != digest:
            raise ExportError(
                f"no {name} of {_PACKAGE} in {str(folder)!r}",
                "the folder `dist` of that package",
                "give that folder with --runtime",
            )
    with tempfile.TemporaryDirectory(dir=kept.parent) as place:
        whole = Path(place) / "whole"
        whole.mkdir()
        for name in FILES:
            shutil.copyfile(folder / name, whole / name)
        if not _is_whole(kept):  # another process may have been faster
            shutil.rmtree(kept, ignore_errors=True)
            whole.rename(kept)


def _fetch(kept: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise MissingExtraError(
            f"npm is not installed, which downloads {_PACKAGE}",
            "npm, or the package's files",
            "install Node.js, or give the package's folder `dist` with --runtime",
        )
    say(f"Downloading {_PACKAGE} with npm (once)")
    with tempfile.TemporaryDirectory() as place:
        command = [npm, "pack", _PACKAGE, "--pack-destination", place]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        archives = list(Path(place).glob("*.tgz"))
        if ran.returncode or not archives:
            lines = [line for line in ran.stderr.splitlines() if line.strip()] or ["no error message"]
            raise ExportError(
                f"npm could not download {_PACKAGE} ({lines[0]})",
                "a connection to the npm registry",
                "try again, or give the package's folder `dist` with --runtime",
            )
        with tarfile.open(archives[0]) as archive:
            for name in FILES:
                archive.extract(f"package/dist/{name}", place, filter="data")
        _keep(Path(place) / "package" / "dist", kept)
