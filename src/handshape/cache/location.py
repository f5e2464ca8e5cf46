"""Where the cache is."""

from pathlib import Path

import platformdirs

from handshape.cache.atomic import restore_interrupted
from handshape.errors import OutputError


def open_cache(folder: Path | None = None) -> Path:
    """Return the cache folder, made when it is missing.

    Args:
        folder: Folder given with ``--cache``; ``None`` for the user's cache directory.

    Raises:
        OutputError: The folder cannot be made or written to.
    """
    root = Path(folder).expanduser() if folder is not None else platformdirs.user_cache_path("handshape")
    try:
        root.mkdir(parents=True, exist_ok=True)
        (root / ".writable").touch()
    except OSError as error:
        raise OutputError(
            f"cannot write to the cache at {str(root)!r} ({error.strerror})",
            "a folder that you can write to",
            "choose another with --cache",
        ) from error
    for written in ("images", "unpacked"):
        restore_interrupted(root / written)
    return root
