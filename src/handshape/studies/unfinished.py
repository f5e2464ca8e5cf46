"""Unfinished runs: directories with ``config.json`` and a ``progress`` folder, and no results yet."""

import json
from dataclasses import Field, fields
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from handshape.config.fields import flag_of
from handshape.config.study import StudyConfig
from handshape.errors import OutputError, UsageError
from handshape.run import Claim, check_out, write_json

PROGRESS = "progress"
"""Folder of a run that is not finished; it is deleted when the run is done."""

_Config = TypeVar("_Config", bound=StudyConfig)
# Settings of the command, not of the run.
_OF_COMMAND = ("out", "force", "resume")


def check_new_study(out: Path, *, force: bool) -> None:
    """Refuse the directory of a new study, as `handshape.run.check_out` does, before any long work.

    Raises:
        OutputError: It holds an unfinished run that is not to be replaced, or see `check_out`.
    """
    if not force and (out / PROGRESS).is_dir():
        raise OutputError(
            f"{str(out)!r} holds an unfinished run",
            "a new or empty directory",
            "continue it with --resume, choose another --out, or add --force to start again",
        )
    check_out(out, force=force)


def begin_study(claimed: Claim, description: dict[str, Any], *, force: bool) -> None:
    """Make the directory of an unfinished run; an earlier run there is replaced now, not at the end.

    Args:
        claimed: The directory.
        description: What ``config.json`` holds.
        force: Whether an earlier run may be replaced.

    Raises:
        OutputError: See `check_new_study`.
    """
    with claimed.new_run(force=force) as folder:
        write_json(folder / "config.json", description)
        (folder / PROGRESS).mkdir()


def find_unfinished(run: Path, command: str) -> dict[str, Any]:
    """Return what the ``config.json`` of an unfinished run holds.

    Args:
        run: Directory of the run.
        command: The study that resumes, such as ``study chirality``.

    Raises:
        OutputError: It is no run, not this study's, or finished.
    """
    try:
        found = json.loads((run / "config.json").read_text(encoding="utf-8"))
        started, settings, digest = found["command"], dict(found["settings"]), str(found["data_digest"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(
            f"{str(run)!r} is no run", "the directory of an unfinished study", "check the path of --resume"
        ) from error
    if started != command:
        raise OutputError(
            f"{str(run)!r} is a run of {started!r}", f"an unfinished run of {command!r}", "check --resume"
        )
    if not (run / PROGRESS).is_dir():
        raise OutputError(
            f"{str(run)!r} is finished",
            "an unfinished run",
            f"open {str(run / 'report.html')!r}, or start a new run with --out",
        )
    return {**found, "settings": settings, "data_digest": digest}


def resumed_settings(given: _Config, run: Path, stored: dict[str, Any]) -> _Config:
    """Return the settings of an unfinished run, which those given now must not contradict.

    Args:
        given: The settings with ``--resume``.
        run: Directory of the run.
        stored: Its settings, as ``config.json`` holds them.

    Returns:
        The settings that the run was started with, with ``out`` at the run.

    Raises:
        UsageError: A setting given now differs from the run's.
        OutputError: The settings are those of another version of handshape.
    """
    kind, hints = type(given), get_type_hints(type(given))
    own = [setting for setting in fields(kind) if setting.name not in _OF_COMMAND]
    if {setting.name for setting in own} != stored.keys() - set(_OF_COMMAND):
        raise OutputError(
            f"{str(run)!r} was started by another version of handshape",
            f"the settings {', '.join(sorted(setting.name for setting in own))}",
            "start a new run with --out",
        )

    def restored(name: str) -> Any:
        is_path = stored[name] is not None and Path in (hints[name], *get_args(hints[name]))
        return Path(stored[name]) if is_path else stored[name]

    def differs(setting: Field[Any]) -> bool:
        value = getattr(given, setting.name)
        # A default that is written out cannot be distinguished from one that is left out.
        now = value.absolute() if isinstance(value, Path) else value
        return bool(value != setting.default and now != restored(setting.name))

    different = [
        setting.name.upper() if setting.metadata.get("positional") else flag_of(setting.name)
        for setting in own
        if differs(setting)
    ]
    if given.out is not None and given.out.resolve() != run.resolve():
        different.append("--out")
    if different:
        raise UsageError(
            f"{', '.join(different)} given with --resume, and unlike what {str(run)!r} was started with",
            "the settings of the run",
            "leave them out, or start a new run with --out",
        )
    return kind(**{setting.name: restored(setting.name) for setting in own}, out=run)
