"""The help of a command: its most important options first, the others in panels, examples at the end."""

import textwrap
from typing import Any

from typer.core import TyperCommand

from handshape.config.command_help import COMMAND_HELP, PANELS

# A command with more options than this has panels, and explains the less important ones with --help-all only.
_MANY = 18
_ALL = "handshape.help-all"


class SettingsCommand(TyperCommand):
    """A command whose help is arranged as `handshape.config.command_help` says."""

    words = ""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options."""
        records = {
            str(one.name): record for one in self.get_params(ctx) if (record := one.get_help_record(ctx))
        }
        arguments = [one.name for one in self.params if one.param_type_name == "argument"]
        taken = [records.pop(str(name)) for name in arguments]
        _section(formatter, "Arguments", [(name.split()[0], text) for name, text in taken])
        main = COMMAND_HELP[self.words].main
        if len(records) <= _MANY:
            _section(formatter, "Options", list(records.values()))
            return
        _section(formatter, "Options that matter most", [records[name] for name in main])
        rest = {name: record for name, record in records.items() if name not in main}
        panels = {
            panel: [rest.pop(name) for name in names if name in rest] for panel, names in PANELS.items()
        }
        if ctx.meta.get(_ALL):
            for panel, rows in panels.items():
                _section(formatter, f"{panel.capitalize()} options", rows)
        else:
            with formatter.section("More options"):
                for panel, rows in panels.items():
                    if rows:
                        formatter.write(_names(panel, rows, formatter.width))
        _section(formatter, "Help", list(rest.values()))

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the examples."""
        with formatter.section("Examples"):
            for line, meaning in COMMAND_HELP[self.words].examples:
                formatter.write(f"  {line}\n      {meaning}\n")


def command_class(words: str) -> type[SettingsCommand]:
    """Return the class of a command, given its words on the command line."""
    return type("SettingsCommand", (SettingsCommand,), {"words": words})


def show_all(ctx: Any, wanted: bool) -> None:
    """Print the whole help, and end; what ``--help-all`` does."""
    if wanted:
        ctx.meta[_ALL] = True
        print(ctx.get_help())
        ctx.exit()


def _section(formatter: Any, title: str, rows: list[tuple[str, str]]) -> None:
    if rows:
        with formatter.section(title):
            formatter.write_dl(rows)


def _names(panel: str, rows: list[tuple[str, str]], width: int) -> str:
    """Return the names of the options of a panel in lines, none of them broken at a hyphen."""
    names = ", ".join(row[0].split(",")[0].split()[0] for row in rows)
    indent = " " * 12
    lines = textwrap.fill(
        names, width - 2, initial_indent=f"  {panel:<10}", subsequent_indent=indent, break_on_hyphens=False
    )
    return f"{lines}\n"
