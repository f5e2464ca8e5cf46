"""Pages that are written from the code; mkdocs calls `on_files` to add them to the documentation."""

import dataclasses
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

import handshape
from handshape import errors
from handshape.cli import COMMANDS, GROUPS
from handshape.config.command_help import COMMAND_HELP, PANELS
from handshape.config.fields import flag_of
from handshape.serve.access import AccessPolicy
from handshape.serve.app import create_app
from handshape.serve.limits import Limits
from handshape.serve.prediction_queue import PredictionQueue

ROOT = Path(__file__).parents[1]
_CODES = ROOT / "tests" / "approved" / "messages.txt"


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the written pages to the site."""
    for place, text in pages().items():
        files.append(File.generated(config, place, content=text))
    return files


def pages() -> dict[str, str]:
    """Return the text of each written page by its place below `docs`."""
    return {
        "reference/command_line.md": "".join(_command_line()),
        "reference/settings.md": "".join(_settings()),
        "reference/python.md": "".join(_python()),
        "reference/http_api.md": "".join(_http_api()),
        "reference/errors.md": "".join(_errors()),
        "reference/asl.md": _asl_card(),
    }


def _commands() -> dict[str, type]:
    """Return the settings of every command by its words."""
    below = {f"{group} {name}": one for group, (_, found) in GROUPS.items() for name, one in found.items()}
    return COMMANDS | below


def _summary(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").splitlines()[0]


def _fields(config: Any) -> tuple[list[Any], list[Any]]:
    """Return the arguments and the options of a command."""
    fields = dataclasses.fields(config)
    taken = [one for one in fields if one.metadata.get("positional")]
    taken.sort(key=lambda one: not one.metadata["first"])
    return taken, [one for one in fields if one not in taken]


def _command_line() -> Iterator[str]:
    yield (
        "# Command line\n\n`handshape COMMAND --help` shows the options that matter most, `--help-all` all. "
        "Every command takes `--json` (one JSON object on standard output and nothing else there) and "
        "`--debug` (the traceback of an error). Progress and messages go to standard error. Exit code 0: "
        "done; 1: failed, with one line that says what was wrong, what was expected and what to do; 2: wrong "
        "usage. Options are explained under [Settings](settings.md).\n"
    )
    for words, config in _commands().items():
        taken, options = _fields(config)
        usage = " ".join(["handshape", words, *(one.name.upper() for one in taken), "[OPTIONS]"])
        yield f"\n## {words}\n\n{_summary(config)}\n\n```text\n{usage}\n```\n\n"
        for one in taken:
            yield f"- `{one.name.upper()}`: {_plain(one.metadata['help'])}\n"
        if options:
            named = (f"[`{flag_of(one.name)}`](settings.md#{one.name})" for one in options)
            yield f"\nOptions: {', '.join(named)}\n"
        yield "\n```text\n"
        for line, meaning in COMMAND_HELP[words].examples:
            yield f"{line}\n    {meaning}\n"
        yield "```\n"


def _settings() -> Iterator[str]:
    yield (
        "# Settings\n\nEvery setting of the command line, and keyword argument of the Python functions: "
        "`--batch-size` is `batch_size`. Where commands differ in a default or a meaning, each is given.\n"
    )
    found: dict[str, dict[tuple[str, str, str], list[str]]] = {}
    for words, config in _commands().items():
        hints = get_type_hints(config)
        for one in _fields(config)[1]:
            row = (_kind(hints[one.name]), _default(one), one.metadata["help"])
            found.setdefault(one.name, {}).setdefault(row, []).append(words)
    panels = {panel: [name for name in names if name in found] for panel, names in PANELS.items()}
    listed = {name for names in panels.values() for name in names}
    panels["of one command"] = sorted(set(found) - listed)
    for panel, names in panels.items():
        yield f"\n## {panel.capitalize()}\n"
        for name in names:
            yield f"\n### {name}\n\n"
            for (kind, default, text), commands in found[name].items():
                yield f"`{flag_of(name)}` {kind}, default {default}. {_plain(text)}\n\n"
                yield f"*{', '.join(commands)}*\n\n"


def _kind(kind: Any) -> str:
    chosen = [one for one in get_args(kind) if one is not type(None)]
    if get_origin(kind) is Literal:
        return " or ".join(f"`{one}`" for one in get_args(kind))
    if type(None) in get_args(kind):
        return _kind(chosen[0])
    if get_origin(kind) is list:
        return f"several: {_kind(chosen[0])}"
    return {"str": "text", "int": "whole number", "float": "number", "bool": "flag", "Path": "path"}[
        kind.__name__
    ]


def _plain(text: str) -> str:
    """Return text in which Markdown leaves everything outside backticks as it is."""
    parts = text.split("`")
    parts[::2] = [re.sub(r"([*_\[\]])", r"\\\1", part).replace("<", "&lt;") for part in parts[::2]]
    return "`".join(parts)


def _default(field: Any) -> str:
    if field.default in (None, ""):
        return "none"
    return "off" if field.default is False else f"`{field.default}`"


def _python() -> Iterator[str]:
    yield (
        "# Python\n\nEverything public in `import handshape`. Functions take the [settings](settings.md) of "
        "their command as keyword arguments.\n\n"
    )
    named = {name: getattr(handshape, name) for name in handshape.__all__ if name != "__version__"}
    for title, is_kind in (("Functions", inspect.isfunction), ("Classes", inspect.isclass)):
        yield f"## {title}\n\n"
        for name in sorted(name for name, thing in named.items() if is_kind(thing)):
            yield f"::: handshape.{name}\n\n"


def _http_api() -> Iterator[str]:
    queue = PredictionQueue(None)
    try:
        described = create_app(queue, AccessPolicy(), Limits()).openapi()
    finally:
        queue.close()
    yield (
        "# HTTP API\n\nWhat `handshape serve` answers; a server describes the same under `/openapi.json`. "
        "[Using it](server.md), with commands to type.\n"
    )
    for path, operations in described["paths"].items():
        for method, one in operations.items():
            yield f"\n## {method.upper()} {path}\n\n{one['summary']}. {one.get('description', '')}\n\n"
            for parameter in one.get("parameters", []):
                yield f"- `{parameter['name']}` ({parameter['in']}): {parameter.get('description', '')}\n"
            if "requestBody" in one:
                yield f"- body: {', '.join(f'`{kind}`' for kind in one['requestBody']['content'])}\n"
            yield "\n| status | answer |\n|---|---|\n"
            for status, answer in one["responses"].items():
                yield f"| {status} | {answer['description']} |\n"


def _errors() -> Iterator[str]:
    yield (
        "# Errors\n\nEvery error of handshape is a `HandshapeError` with a `code` that stays the same, and "
        "three parts: `wrong`, `expected`, `remedy`. The command line prints them in one line and exits with "
        "1, or with 2 for `usage`. In Python, each is also the standard exception named here.\n\n"
        "| code | class | also a | when |\n|---|---|---|---|\n"
    )
    for name, thing in vars(errors).items():
        if inspect.isclass(thing) and issubclass(thing, errors.HandshapeError):
            standard = [one for one in thing.__mro__ if one.__module__ == "builtins"]
            also = f"`{standard[0].__name__}`" if standard[0] is not Exception else ""
            code = thing("", "", "").code
            yield f"| `{code}` | `{name}` | {also} | {_summary(thing)} |\n"
    yield "\n## Messages\n\nWhat each says, by code. Words in braces are filled in.\n"
    messages: dict[str, list[str]] = {}
    for block in _CODES.read_text(encoding="utf-8").strip().split("\n\n"):
        head, *lines = block.splitlines()
        messages.setdefault(head.split(": ")[1], []).append(" ".join(line.strip() for line in lines))
    for name in sorted(messages):
        yield f"\n### {name}\n\n```text\n" + "\n".join(sorted(set(messages[name]))) + "\n```\n"


def _asl_card() -> str:
    return (ROOT / "src" / "handshape" / "asl" / "README.md").read_text(encoding="utf-8")
