"""Run directories: written completely or not at all, and never over anything else."""

import json
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from handshape.cache.atomic import Reserved, reserve
from handshape.cache.disk_errors import explain_write_errors
from handshape.errors import OutputError

_LIBRARIES = ("handshape", "torch", "torchvision", "numpy", "pillow", "pylance", "scikit-learn", "scipy")
BUNDLE = "recogniser"
"""Name of the bundle's folder inside a run."""


def default_out(command: str) -> Path:
    """Return a new directory for a run without ``--out``."""
    first = Path("runs") / f"{command}-{datetime.now():%Y%m%d-%H%M%S}"
    # After the clock is set back, a name may be taken.
    others = (first.with_name(f"{first.name}-{number}") for number in count(2))
    return first if not first.exists() else next(place for place in others if not place.exists())


def find_bundle(place: str | Path) -> Path:
    """Return the folder of a bundle, given that folder or its run; it need not exist."""
    folder = Path(place).expanduser()
    return folder / BUNDLE if (folder / BUNDLE).is_dir() else folder


def check_out(out: Path, *, force: bool) -> None:
    """Check an output directory before any long work.

    Args:
        out: Directory to write.
        force: Whether an earlier run may be replaced.

    Raises:
        OutputError: It is not empty and may not be replaced, or is not a run, or cannot be written.
    """
    if out.is_dir() and any(out.iterdir()):
        if not force:
            raise OutputError(
                f"{str(out)!r} is not empty",
                "a new or empty directory",
                "choose another --out, or add --force",
            )
        if not _is_run(out):
            raise OutputError(
                f"{str(out)!r} contains something other than a run",
                "a run that --force may replace",
                "choose another --out",
            )
    elif out.exists() and not out.is_dir():
        raise OutputError(f"{str(out)!r} is a file", "a directory", "choose another --out")
    parent = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise OutputError(
            f"cannot write to {str(parent)!r}", "a directory that you can write to", "choose another --out"
        )


def _is_run(folder: Path) -> bool:
    # Bundles and other programs have a config.json too, but without the command.
    try:
        found = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and {"command", "settings"} <= found.keys()


class Claim:
    """A directory that is reserved for one run: see `claim`."""

    def __init__(self, out: Path, reserved: Reserved) -> None:
        self.out, self._reserved = out, reserved

    @contextmanager
    def new_run(self, *, force: bool) -> Iterator[Path]:
        """Yield a temporary folder that becomes the run when the block ends without an error.

        Args:
            force: Whether an earlier run is replaced.

        Raises:
            OutputError: As in `check_out`, or there is no room for it.
        """
        with _writing(self.out), self._reserved.new() as partial:
            partial.mkdir()
            yield partial
            check_out(self.out, force=force)


@contextmanager
def claim(out: Path, *, force: bool) -> Iterator[Claim]:
    """Reserve a directory for one run during the work for it; a second process gets an error at once.

    Leftovers of killed processes beside it are removed.

    Args:
        out: Directory of the run.
        force: Whether an earlier run may be replaced.

    Raises:
        OutputError: As in `check_out`, or another process writes a run there.
    """
    check_out(out, force=force)
    with ExitStack() as stack:
        with _writing(out):
            reserved = stack.enter_context(reserve(out.resolve(), f"a run to {str(out)!r}"))
        check_out(out, force=force)  # another process may have written it meanwhile
        yield Claim(out, reserved)


@contextmanager
def new_run(out: Path, *, force: bool) -> Iterator[Path]:
    """Claim a directory and yield its `Claim.new_run`, where there is no long work before."""
    with claim(out, force=force) as claimed, claimed.new_run(force=force) as folder:
        yield folder


def _writing(out: Path) -> AbstractContextManager[None]:
    return explain_write_errors(f"the run to {str(out)!r}", "choose another --out")


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False, default=_plain)
    path.write_text(text + "\n", encoding="utf-8")


def safe_cell(text: str) -> str:
    """Return a cell of a CSV table that no spreadsheet runs as a formula: with an apostrophe before it."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not a JSON type")


def describe(command: str, config: Any, digest: str) -> dict[str, Any]:
    """Return the content of a run's ``config.json``, given the data's digest."""
    return {
        "command": command,
        "settings": asdict(config),
        "data_digest": digest,
        "argv": sys.argv[1:] if Path(sys.argv[0]).name == "handshape" else [],
        "versions": {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}},
        "machine": {"system": platform.system(), "processor": platform.machine(), "cores": os.cpu_count()},
    }
