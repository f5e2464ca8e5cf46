"""The settings of a command as the keyword arguments of a Python function."""

import dataclasses
import difflib
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_type_hints

from handshape.config.fields import Settings
from handshape.errors import UsageError

_Function = TypeVar("_Function", bound=Callable[..., Any])
_Settings = TypeVar("_Settings", bound=Settings)


def takes_settings(config: type[Settings]) -> Callable[[_Function], _Function]:
    """Let a function's signature and documentation list the settings that its keyword arguments are."""

    def decorate(function: _Function) -> _Function:
        signature = inspect.signature(function)
        own = [one for one in signature.parameters.values() if one.kind is not one.VAR_KEYWORD]
        hints = get_type_hints(config)
        fields = [one for one in _options(config) if one.name not in signature.parameters]
        named = [
            inspect.Parameter(
                one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default, annotation=hints[one.name]
            )
            for one in fields
        ]
        every = sorted([*own, *named], key=lambda one: one.kind)
        function.__signature__ = signature.replace(parameters=every)  # type: ignore[attr-defined]
        lines = [f"    {one.name}: {one.metadata['help']}" for one in fields]
        text = inspect.getdoc(function) or ""
        function.__doc__ = "\n".join([text, "", "Settings:", *lines, ""])
        return function

    return decorate


def make_settings(config: type[_Settings], caller: str, given: Mapping[str, Any], **fixed: Any) -> _Settings:
    """Make settings of keyword arguments.

    Args:
        config: The class of the settings.
        caller: Name of the function, for errors.
        given: Keyword arguments of the function.
        fixed: What else the settings need.

    Raises:
        UsageError: There is no setting of a name; the most similar one is suggested.
    """
    names = [one.name for one in _options(config)]
    for name in given:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
            hint = f"did you mean {near[0]!r}?" if near else f"help({caller}) lists them"
            raise UsageError(f"{caller} has no setting {name!r}", "one of its settings", hint)
    return config(**{**given, **fixed})


def refuse(caller: str, given: Mapping[str, Any], names: tuple[str, ...]) -> None:
    """Refuse settings about reading a folder where a program passes what was read.

    Raises:
        UsageError: There is one.
    """
    for name in names:
        if name in given:
            raise UsageError(
                f"{caller} with a Dataset and {name}={given[name]!r}",
                "a Dataset alone, or a path with that setting",
                f"pass {name}= to read_folder, which made the Dataset",
            )


def _options(config: type[Settings]) -> list[dataclasses.Field[Any]]:
    return [one for one in dataclasses.fields(config) if not one.metadata.get("positional")]
