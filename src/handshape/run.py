"""Run directories: they appear whole or not at all, and never take the place of anything else."""

import json
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from handshape.errors import HandshapeError, OutputError

_LIBRARIES = ("handshape", "torch", "torchvision", "numpy", "pillow", "pylance", "scikit-learn", "scipy")
BUNDLE = "recogniser"
"""Name of the bundle's folder inside a run."""


def default_out(command: str) -> Path:
    """Return the directory of a run for which none was named."""
    return Path("runs") / f"{command}-{datetime.now():%Y%m%d-%H%M%S}"


def find_bundle(place: str | Path) -> Path:
    """Return the folder of a bundle, given it or the run that holds it; neither need be there."""
    folder = Path(place).expanduser()
    return folder / BUNDLE if (folder / BUNDLE).is_dir() else folder


def check_out(out: Path, *, force: bool) -> None:
    """Refuse an output directory that is in use, before any long work.

    Args:
        out: Directory that is to be written.
        force: Whether an earlier run may be replaced.

    Raises:
        OutputError: It is not empty and not to be replaced, or is no run, or cannot be written.
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
                f"{str(out)!r} holds something else than a run",
                "a run that --force may replace",
                "choose another",
            )
    elif out.exists() and not out.is_dir():
        raise OutputError(f"{str(out)!r} is a file", "a directory", "choose another --out")
    parent = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise OutputError(
            f"cannot write to {str(parent)!r}", "a directory that can be written to", "choose another"
        )


def _is_run(folder: Path) -> bool:
    # Bundles and other programs' folders have a config.json too; only a run's says which command made it.
    try:
        found = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and {"command", "settings"} <= found.keys()


@contextmanager
def new_run(out: Path, *, force: bool) -> Iterator[Path]:
    """Write a run under a temporary name and give it its own when it is whole.

    Args:
        out: Directory of the run.
        force: Whether an earlier run there is replaced.

    Yields:
        The folder to write into.

    Raises:
        OutputError: As in `check_out`.
    """
    check_out(out, force=force)
    place = out.resolve()  # a link stays a link, and the run goes where it points
    partial = place.with_name(f".{place.name}.{os.getpid()}.partial")
    try:
        partial.mkdir(parents=True)
        yield partial
        check_out(out, force=force)
        _replace(place, partial)
    except HandshapeError:  # some are OSErrors too, and say better what was wrong
        raise
    except OSError as error:
        raise OutputError(
            f"cannot write the run to {str(out)!r} ({error.strerror or error})",
            "room on a disk",
            "choose another --out",
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _replace(place: Path, partial: Path) -> None:
    if not place.exists():
        partial.rename(place)
        return
    old = place.with_name(f".{place.name}.{os.getpid()}.old")
    place.rename(old)
    try:
        partial.rename(place)
    except OSError:
        old.rename(place)
        raise
    shutil.rmtree(old)


def write_json(path: Path, value: Any) -> None:
    """Write JSON that people can read too."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False, default=_plain)
    path.write_text(text + "\n", encoding="utf-8")


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not for JSON")


def describe(command: str, config: Any, digest: str) -> dict[str, Any]:
    """Return what a run's ``config.json`` holds.

    Args:
        command: Name of the command.
        config: Its resolved settings.
        digest: Stands for the content, labels and splits of the data.
    """
    return {
        "command": command,
        "settings": asdict(config),
        "data_digest": digest,
        "argv": sys.argv[1:] if Path(sys.argv[0]).name == "handshape" else [],
        "versions": {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}},
        "machine": {"system": platform.system(), "processor": platform.machine(), "cores": os.cpu_count()},
    }
