"""Unfinished runs: directories with the settings and a ``progress`` folder, and nothing to be read yet."""

import json
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from handshape.config.fields import flag_of
from handshape.config.study import StudyConfig
from handshape.errors import OutputError, UsageError
from handshape.run import Claim, check_out, write_json

PROGRESS = "progress"
"""Folder of a run that is not finished; it goes when the run is done."""

Asked = TypeVar("Asked", bound=StudyConfig)

# Where a run is, and how it came about, are no part of what is asked.
_NOT_ASKED = ("out", "force", "resume")


def check_new(out: Path, *, force: bool) -> None:
    """Refuse the directory of a new study, as `handshape.run.check_out` does, before any long work.

    Raises:
        OutputError: It holds an unfinished run that is not to be replaced, or see `check_out`.
    """
    if not force and (out / PROGRESS).is_dir():
        raise OutputError(
            f"{str(out)!r} holds an unfinished run",
            "a new or empty directory",
            "go on with --resume, choose another --out, or add --force to begin anew",
        )
    check_out(out, force=force)


def begin(claimed: Claim, description: dict[str, Any], *, force: bool) -> None:
    """Make the directory of an unfinished run; an earlier run there is replaced now, not at the end.

    Args:
        claimed: The directory.
        description: What ``config.json`` holds.
        force: Whether an earlier run may be replaced.

    Raises:
        OutputError: See `check_new`.
    """
    with claimed.new_run(force=force) as folder:
        write_json(folder / "config.json", description)
        (folder / PROGRESS).mkdir()


def find_unfinished(run: Path, command: str) -> dict[str, Any]:
    """Return what the ``config.json`` of an unfinished run holds.

    Args:
        run: Directory of the run.
        command: The study that goes on, such as ``study chirality``.

    Raises:
        OutputError: It is no run, not this study's, or finished.
    """
    try:
        found = json.loads((run / "config.json").read_text(encoding="utf-8"))
        begun = found["command"]
        settings, digest = dict(found["settings"]), str(found["data_digest"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(
            f"{str(run)!r} is no run", "the directory of an unfinished study", "check the path of --resume"
        ) from error
    if begun != command:
        raise OutputError(
            f"{str(run)!r} is a run of {begun!r}", f"an unfinished run of {command!r}", "check --resume"
        )
    if not (run / PROGRESS).is_dir():
        raise OutputError(
            f"{str(run)!r} is finished",
            "an unfinished run",
            f"open {str(run / 'report.html')!r}, or begin anew with --out",
        )
    return {**found, "settings": settings, "data_digest": digest}


def settings_of(given: Asked, run: Path, stored: dict[str, Any]) -> Asked:
    """Return the settings of an unfinished run, to which what is given now must not be contrary.

    Args:
        given: What was asked for with ``--resume``.
        run: Directory of the run.
        stored: Its settings, as ``config.json`` holds them.

    Returns:
        The settings that the run was begun with, with ``out`` at the run.

    Raises:
        UsageError: Something given now differs from what the run was begun with.
        OutputError: The settings are those of another version of handshape.
    """
    kind = type(given)
    asked = [field for field in fields(kind) if field.name not in _NOT_ASKED]
    if {field.name for field in asked} != stored.keys() - set(_NOT_ASKED):
        raise OutputError(
            f"{str(run)!r} was begun by another version of handshape",
            f"the settings {', '.join(sorted(field.name for field in asked))}",
            "begin anew with --out",
        )
    begun = {field.name: _restored(kind, field.name, stored[field.name]) for field in asked}
    contrary = [
        _flag(field)
        for field in asked
        if _is_given(given, field) and _value(given, field) != begun[field.name]
    ]
    if given.out is not None and given.out.resolve() != run.resolve():
        contrary.append("--out")
    if contrary:
        raise UsageError(
            f"{', '.join(contrary)} given with --resume, and unlike what {str(run)!r} was begun with",
            "the settings of the run",
            "leave them out, or begin anew with --out",
        )
    return kind(**begun, out=run)


def _restored(kind: type[StudyConfig], name: str, value: Any) -> Any:
    hint = get_type_hints(kind)[name]
    return Path(value) if value is not None and Path in (hint, *get_args(hint)) else value


def _value(given: StudyConfig, field: Field[Any]) -> Any:
    value = getattr(given, field.name)
    return value.absolute() if isinstance(value, Path) else value


def _is_given(given: StudyConfig, field: Field[Any]) -> bool:
    # A default that is written out cannot be told from one that is left out.
    return field.default is MISSING or getattr(given, field.name) != field.default


def _flag(field: Field[Any]) -> str:
    return field.name.upper() if field.metadata.get("positional") else flag_of(field.name)
