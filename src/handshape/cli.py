"""The command line: parse, call one function, print. Everything else is below."""

import dataclasses
import gc
import inspect
import io
import json
import platform
import sys
import traceback
import warnings
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from types import ModuleType
from typing import Annotated, Any, get_type_hints

import typer

import handshape
from handshape.cli_help import command_class, show_all
from handshape.config.backbones import BackbonesConfig
from handshape.config.cache import CacheClearConfig, CacheInfoConfig
from handshape.config.doctor import DoctorConfig
from handshape.config.draw import DemoConfig, DrawConfig
from handshape.config.engine import EngineOptions
from handshape.config.export import ExportConfig
from handshape.config.fields import flag_of
from handshape.config.push import PushConfig
from handshape.config.serve import ServeConfig
from handshape.config.study import AutoencoderConfig, ChiralityConfig, FinetuneConfig
from handshape.config.train import CompareConfig, TrainConfig
from handshape.config.use import AddConfig, EvaluateConfig, FeaturesConfig, InspectConfig, PredictConfig
from handshape.errors import HandshapeError, MemoryFullError, UsageError
from handshape.progress import printable, show_progress

# The settings of each command. The function of the same name in the module of the same name below
# handshape.commands does the work; one in handshape.terminal shows its result to a person.
COMMANDS: dict[str, type] = {
    "inspect": InspectConfig,
    "features": FeaturesConfig,
    "train": TrainConfig,
    "compare": CompareConfig,
    "add": AddConfig,
    "evaluate": EvaluateConfig,
    "predict": PredictConfig,
    "export": ExportConfig,
    "serve": ServeConfig,
    "push": PushConfig,
    "backbones": BackbonesConfig,
    "draw": DrawConfig,
    "demo": DemoConfig,
    "doctor": DoctorConfig,
}

# Commands of a group: `handshape study NAME`. The function NAME in the group's module of handshape.commands
# does the work, and show_<group> in handshape.terminal shows its result.
GROUPS: dict[str, tuple[str, dict[str, type]]] = {
    "study": (
        "Answer a question of the lesson on your photos.",
        {"chirality": ChiralityConfig, "autoencoder": AutoencoderConfig, "finetune": FinetuneConfig},
    ),
    "cache": (
        "Show or delete what is kept between runs.",
        {"info": CacheInfoConfig, "clear": CacheClearConfig},
    ),
}

_NO_MEMORY = MemoryFullError(
    "not enough memory", "more of it", "close other programs, or take fewer photos or a smaller --backbone"
)
_LOOK: dict[str, Any] = {
    "no_args_is_help": True,
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,  # plain help: importing rich would take as long as all the rest
}
app = typer.Typer(name="handshape", **_LOOK)  # with --install-completion


def main() -> None:
    """Run the command line."""
    # An image too large to use is reported as such; Pillow's warning would say it twice.
    warnings.filterwarnings("error", message=".*decompression bomb.*")
    app()


def _command(name: str, settings: type, *, group: str = "") -> Callable[..., None]:
    """Return a function whose signature typer turns into the command's options."""
    words = f"{group} {name}".strip()

    def body(**options: Any) -> None:
        as_json, debug, _ = options.pop("json"), options.pop("debug"), options.pop("help_all")
        show_progress()
        try:
            config = settings(**options)
            if as_json and getattr(config, "csv", False):
                raise UsageError("--json with --csv", "one of them", "leave one out")
            if isinstance(config, EngineOptions):
                _imported("handshape.inference.engine").configure(config)
            result = getattr(_imported(f"handshape.commands.{group or name}"), name)(config)
        except HandshapeError as error:
            raise _ended(words, error, debug) from error
        except (MemoryError, OSError, RuntimeError) as error:
            if not _imported("handshape.inference.memory").is_memory_full(error):
                raise
            raise _ended(words, _NO_MEMORY, debug) from error
        _show_all_characters()
        if as_json:
            plain = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
            print(json.dumps(result, indent=2, ensure_ascii=plain, allow_nan=False))
        else:
            getattr(_imported("handshape.terminal"), f"show_{group or name}")(config, result)
        if isinstance(result, list) and any("error" in one for one in result):
            raise typer.Exit(1)  # the other photos were answered

    hints = get_type_hints(settings)
    fields = sorted(dataclasses.fields(settings), key=lambda field: not field.metadata.get("first", False))
    parameters = [_parameter(field, hints[field.name]) for field in fields]
    parameters.append(_flag("json", "Print one JSON object on standard output and nothing else there."))
    parameters.append(_flag("debug", "Add the traceback to an error."))
    parameters.append(_HELP_ALL)
    body.__doc__ = inspect.getdoc(settings)
    body.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    body.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return body


def _show_all_characters() -> None:
    """Let standard output replace characters that it cannot show, so that no answer is lost."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def _ended(words: str, error: HandshapeError, debug: bool) -> typer.Exit:
    """Say why a command has failed, and return what ends it."""
    if debug:
        traceback.print_exc()
    print(printable(f"handshape {words}: {error}"), file=sys.stderr)
    return typer.Exit(2 if isinstance(error, UsageError) else 1)


def _imported(name: str) -> ModuleType:
    """Import a module while Python's garbage collector rests.

    Nearly nothing of what torch makes while it is imported is garbage, and looking for it takes an eighth of
    the time.
    """
    gc.disable()
    try:
        return import_module(name)
    finally:
        gc.enable()


def _parameter(field: dataclasses.Field[Any], kind: Any) -> inspect.Parameter:
    text = field.metadata["help"]
    if field.metadata.get("positional"):
        place = typer.Argument(help=text, metavar=field.name.upper(), show_default=False)
        return _keyword(field.name, Annotated[kind, place], _default(field))
    shown = field.default is not None and kind is not bool
    # A single name for a flag, so that there is no --no-force.
    flags = [flag_of(name) for name in (field.name, field.metadata["alias"]) if name]
    named = typer.Option(*flags, help=text, show_default=shown)
    return _keyword(field.name, Annotated[kind, named], field.default)


def _default(field: dataclasses.Field[Any]) -> Any:
    return inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default


def _flag(name: str, text: str) -> inspect.Parameter:
    return _keyword(name, Annotated[bool, typer.Option(f"--{name}", help=text)], False)


_HELP_ALL = inspect.Parameter(
    "help_all",
    inspect.Parameter.KEYWORD_ONLY,
    default=False,
    annotation=Annotated[
        bool,
        typer.Option("--help-all", callback=show_all, is_eager=True, help="Show all options and exit."),
    ],
)


def _keyword(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _show_version(wanted: bool) -> None:
    if wanted:
        parts = ", ".join(f"{name} {version(name)}" for name in ("torch", "onnxruntime", "numpy"))
        print(f"handshape {handshape.__version__} (Python {platform.python_version()}, {parts})")
        raise typer.Exit


@app.callback()
def _options(
    show: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print versions and exit."),
    ] = False,
) -> None:
    """From a folder of labelled hand-sign photos to a recogniser whose accuracy can be believed."""


for _name, _settings in COMMANDS.items():
    app.command(_name, cls=command_class(_name))(_command(_name, _settings))
for _group, (_help, _commands) in GROUPS.items():
    _typer = typer.Typer(name=_group, help=_help, add_completion=False, **_LOOK)
    for _name, _settings in _commands.items():
        _words = f"{_group} {_name}"
        _typer.command(_name, cls=command_class(_words))(_command(_name, _settings, group=_group))
    app.add_typer(_typer)
