"""Where the store is."""

from pathlib import Path

import platformdirs

from handshape.cache.workbench import clear_dead
from handshape.errors import OutputError


def open_store(place: Path | None = None) -> Path:
    """Return the store's folder, made when it is missing.

    Args:
        place: Folder chosen with ``--store``; ``None`` for the user's cache directory.

    Returns:
        An existing folder.

    Raises:
        OutputError: The folder cannot be made or written to.
    """
    root = Path(place).expanduser() if place is not None else platformdirs.user_cache_path("handshape")
    try:
        root.mkdir(parents=True, exist_ok=True)
        (root / ".writable").touch()
    except OSError as error:
        raise OutputError(
            f"cannot write to the store at {str(root)!r} ({error.strerror})",
            "a folder that can be written to",
            "choose another with --store",
        ) from error
    clear_dead(root / "images")  # what a killed process was writing
    return root
