"""Write `handshape/keywords.py`: the settings of each command as typed keyword arguments of Python.

    python -m tools.write_keywords

Editors and type checkers read it, so that they complete and check the settings of ``handshape.train(...)``.
A test compares it with the settings.
"""

import dataclasses
import inspect
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from handshape.config.cluster import ClusterOptions
from handshape.config.draw import DrawConfig
from handshape.config.export import ExportConfig
from handshape.config.fields import Settings
from handshape.config.push import PushConfig
from handshape.config.study import AutoencoderConfig, ChiralityConfig, FinetuneConfig
from handshape.config.train import CompareConfig, TrainConfig
from handshape.config.use import AddConfig, EvaluateConfig, FeaturesConfig, InspectConfig

COMMANDS = (
    InspectConfig, FeaturesConfig, TrainConfig, CompareConfig, AddConfig, EvaluateConfig, ExportConfig,
    PushConfig, DrawConfig, ChiralityConfig, AutoencoderConfig, FinetuneConfig,
)  # fmt: skip
PLACE = Path(inspect.getfile(ClusterOptions)).parents[1] / "keywords.py"
_HEAD = '''"""The settings of each command as typed keyword arguments.

Written by `python -m tools.write_keywords`.
"""

from pathlib import Path
from typing import Literal, TypedDict

from torch.nn import Module

from handshape.training.own_parts import Classifier
'''


def keywords_text() -> str:
    """Return the module's text."""
    written: dict[type, str] = {}
    return _HEAD + "".join(
        _class(one, written)
        for config in COMMANDS
        for one in reversed(config.__mro__)
        if issubclass(one, Settings) and one not in written
    )


def keywords_name(config: type) -> str:
    """Return the name of the keyword arguments of some settings."""
    return config.__name__.removesuffix("Config") + "Keywords"


def _names(config: type) -> set[str]:
    fields: Any = dataclasses.fields(config)
    return {field.name for field in fields if not field.metadata.get("positional")}


def _class(config: type, written: dict[type, str]) -> str:
    """Return the class of some settings, and remember its name; none where it would add nothing."""
    bases = [base for base in config.__bases__ if written.get(base)]
    inherited = {name for base in bases for name in _names(base)}
    hints = get_type_hints(config)
    own = [name for name in hints if name in _names(config) - inherited]
    if not own and len(bases) < 2:
        written[config] = written[bases[0]] if bases else ""
        return ""
    written[config] = keywords_name(config)
    above = ", ".join(written[base] for base in bases) or "TypedDict"
    summary = (inspect.getdoc(config) or "").splitlines()[0]
    head = f"class {keywords_name(config)}({above}, total=False):"
    if len(head) > 110:
        head = head.replace("(", "(\n    ").replace(", ", ",\n    ").replace("):", ",\n):")
    lines = [f"\n\n{head}\n", f'    """{summary}"""\n']
    lines += ["\n"] if own else []
    also = {one.name: one.metadata.get("own") for one in dataclasses.fields(config)}
    lines += [f"    {name}: {_kind(hints[name], also[name])}\n" for name in own]
    return "".join(lines)


def _kind(kind: Any, also: str | None = None) -> str:
    if also is not None:
        return f"{_kind(kind)} | {also}"
    if get_origin(kind) in (Union, UnionType):
        return " | ".join("None" if one is NoneType else _kind(one) for one in get_args(kind))
    if get_origin(kind) is Literal:
        return f"Literal[{', '.join(map(repr, get_args(kind)))}]".replace("'", '"')
    return "str | Path" if kind is Path else str(kind.__name__)


if __name__ == "__main__":
    PLACE.write_text(keywords_text(), encoding="utf-8")
