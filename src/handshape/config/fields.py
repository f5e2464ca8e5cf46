"""Fields of settings, each with the text that the command line shows for it, and their checks."""

import dataclasses
import math
import operator
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from handshape.errors import UsageError


def argument(help_text: str, *, first: bool = False, optional: bool = False) -> Any:
    """Return a field that the command line takes by position, ``first`` before the inherited ones.

    An ``optional`` one is ``None`` when it is left out.
    """
    metadata = {"help": help_text, "positional": True, "first": first}
    if optional:
        return dataclasses.field(default=None, metadata=metadata)
    return dataclasses.field(metadata=metadata)


def option(
    default: Any,
    help_text: str,
    *,
    alias: str | None = None,
    positive: bool = False,
    within: tuple[float, float] | None = None,
    own: str | None = None,
) -> Any:
    """Return a field that the command line takes as ``--name``, or as its ``alias``.

    Numbers can be required to be ``positive``, or ``within`` the two given ones, which are allowed. ``own``
    is another type that the functions of Python take.
    """
    metadata = {"help": help_text, "alias": alias, "positive": positive, "within": within, "own": own}
    return dataclasses.field(default=default, metadata=metadata)


def cache_option() -> Any:
    """Return the field of the cache's folder."""
    return option(None, "Folder of the cache (default: the user's cache directory).", alias="store")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """Base of all settings: what Python passes is converted and checked as the command line does it."""

    def __post_init__(self) -> None:
        """Convert every field to its type.

        Raises:
            UsageError: A value is of another type, not among the choices, or out of its range.
        """
        kinds = get_type_hints(type(self))
        for field in dataclasses.fields(self):
            flag = field.name.upper() if field.metadata.get("positional") else flag_of(field.name)
            value = _converted(flag, kinds[field.name], getattr(self, field.name))
            object.__setattr__(self, field.name, value)
            if value is not None:
                _check_range(flag, value, field.metadata)


def flag_of(name: str) -> str:
    """Return how the command line calls a field: ``batch_size`` is ``--batch-size``."""
    return "--" + name.replace("_", "-")


def command_words(name: str, settings: Settings) -> list[str]:
    """Return the words that run a command with these settings, without ``--force``."""
    places, options = list[str](), list[str]()
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if field.metadata.get("positional"):
            places += [str(value)]
        elif value is True and field.name != "force":
            options.append(flag_of(field.name))
        elif value != field.default and value is not None and not isinstance(value, bool):
            options += [flag_of(field.name), str(value)]
    return ["handshape", name, *places, *options]


def _check_range(flag: str, value: Any, metadata: Mapping[str, Any]) -> None:
    if metadata.get("positive") and not value > 0:
        raise UsageError(f"{flag} {value}", "a positive number", "change it")
    within = metadata.get("within")
    if within and not within[0] <= value <= within[1]:
        low, high = within
        expected = f"{low} or more" if high == math.inf else f"a number from {low} to {high}"
        raise UsageError(f"{flag} {value}", expected, "change it")


def _converted(flag: str, kind: Any, value: Any) -> Any:
    if type(None) in get_args(kind):
        wanted = next(one for one in get_args(kind) if one is not type(None))
        return None if value is None else _converted(flag, wanted, value)
    if get_origin(kind) is Literal:
        choices = get_args(kind)
        if value not in choices:
            raise UsageError(f"{flag} {value!r}", f"one of {', '.join(map(str, choices))}", "choose one")
        return value
    if get_origin(kind) is list:
        rows = [value] if isinstance(value, str | os.PathLike) else value
        if not isinstance(rows, Iterable):
            raise UsageError(f"{flag} {value!r}", "several", "give a list")
        return [_converted(flag, get_args(kind)[0], row) for row in rows]
    convert, words = _TYPES.get(kind, (lambda found: found, ""))
    try:
        return convert(value)
    except TypeError as error:
        raise UsageError(f"{flag} {value!r}", words, "change it") from error


def _text(value: Any) -> str:
    return str(os.fspath(value))


def _number(value: Any) -> float:
    if isinstance(value, str | bool):
        raise TypeError
    return float(value)


def _whole(value: Any) -> int:
    if isinstance(value, bool):
        raise TypeError
    return operator.index(value)


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


_TYPES: dict[Any, tuple[Any, str]] = {
    Path: (lambda value: Path(os.fspath(value)), "a path"),
    str: (_text, "text"),
    float: (_number, "a number"),
    int: (_whole, "a whole number"),
    bool: (_truth, "True or False"),
}
