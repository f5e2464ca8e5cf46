"""Find the signer or the source in each path with a regular expression."""

import re
from collections.abc import Sequence

from handshape.data.dataset import GroupKind, Sample
from handshape.errors import DataError

_LIKE = {"signer": r"'hand(\d+)_'", "source": r"'room(\d+)_'"}
_OR_ELSE = {"signer": "", "source": ", or use --source folder for root/<source>/<label>/*"}


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
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise DataError(
            f"--{what} {pattern!r} is not a regular expression ({error})",
            f"one with one group, such as {_LIKE[what]}",
            "correct it",
        ) from error
    if compiled.groups != 1:
        raise DataError(
            f"--{what} {pattern!r} has {compiled.groups} groups",
            "exactly one",
            f"write it like {_LIKE[what]}{_OR_ELSE[what]}",
        )
    matches = [compiled.search(row.name) for row in rows]
    if not any(matches):
        raise DataError(
            f"--{what} {pattern!r} matches no path",
            f"a match in paths such as {rows[0].name!r}",
            "correct the expression",
        )
    return [match.group(1) or None if match else None for match in matches]
