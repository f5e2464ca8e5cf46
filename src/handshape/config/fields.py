"""Fields of settings, each with the text that the command line shows for it."""

import dataclasses
from typing import Any


def argument(help_text: str, *, first: bool = False) -> Any:
    """Return a field that the command line takes by position, ``first`` before the inherited ones."""
    return dataclasses.field(metadata={"help": help_text, "positional": True, "first": first})


def option(default: Any, help_text: str) -> Any:
    """Return a field that the command line takes as ``--name``."""
    return dataclasses.field(default=default, metadata={"help": help_text})
