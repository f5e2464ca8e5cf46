"""Run Python as another user, whom permissions stop: tests may run as root, whom they do not."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NOBODY = 65534
# Python itself may be closed to other users, so everything is imported before the user changes.
_CHANGE = f"""import os
if os.getuid() == 0:
    os.setgroups([]); os.setgid({_NOBODY}); os.setuid({_NOBODY})
"""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Take all permissions from a file or folder."""
    mode = path.stat().st_mode
    path.chmod(0)
    try:
        yield
    finally:
        path.chmod(mode)


def run_as_nobody(folder: Path, before: str, after: str) -> subprocess.CompletedProcess[str]:
    """Run code in a new process, the second part as another user.

    Args:
        folder: Opened to that user, who may enter the folders above it; what the code may write to.
        before: Imports, and a first run of what imports more.
        after: What is tried.
    """
    if os.getuid() == 0:
        folder.chmod(0o777)
    return subprocess.run(
        [sys.executable, "-c", f"{before}\n{_CHANGE}{after}"],
        env={**os.environ, "HOME": str(folder), "XDG_CACHE_HOME": str(folder / "xdg")},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
