"""Find the signer or the source in each path with a regular expression."""

import re
from collections.abc import Sequence

from handshape.data.dataset import GroupKind, Sample
from handshape.errors import DataError

_LIKE = {"signer": r"'hand(\d+)_'", "source": r"'room(\d+)_'", "label-from": r"'([^/_]+)_[^/]*$'"}
_OR_ELSE = ", or use --{what} folder for root/<{what}>/<label>/*"


def compile_pattern(what: str, pattern: str) -> re.Pattern[str]:
    r"""Compile a regular expression with one group.

    Args:
        what: The option without its dashes, for messages.
        pattern: Such as ``hand(\d+)_``.

    Raises:
        DataError: The expression is malformed, or does not have one group.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise DataError(
            f"--{what} {pattern!r} is not a regular expression ({error})",
            f"one with one group, such as {_LIKE[what]}",
            "correct it",
        ) from error
    if compiled.groups != 1:
        or_else = "" if what == "label-from" else _OR_ELSE.format(what=what)
        raise DataError(
            f"--{what} {pattern!r} has {compiled.groups} groups",
            "exactly one",
            f"write it like {_LIKE[what]}{or_else}",
        )
    return compiled


def find_in_paths(rows: Sequence[Sample], what: GroupKind, pattern: str) -> list[str | None]:
    r"""Search the path of each image below the root.

    Args:
        rows: N samples, at least one.
        what: What to find; names the option in messages.
        pattern: Regular expression with one group, such as ``hand(\d+)_``.

    Returns:
        The group's text in each of the N paths; ``None`` where nothing matches.

    Raises:
        DataError: The expression is malformed, does not have one group, or matches no path.
    """
    compiled = compile_pattern(what, pattern)
    matches = [compiled.search(row.name) for row in rows]
    if not any(matches):
        raise DataError(
            f"--{what} {pattern!r} matches no path",
            f"a match in paths such as {rows[0].name!r}" if rows else "photos",
            "correct the expression",
        )
    return [match.group(1) or None if match else None for match in matches]
