"""Find what a regular expression captures in each path: the signer, or the source."""

import re
from collections.abc import Sequence

from handshape.data.dataset import GroupKind, Sample
from handshape.errors import DataError

_LIKE = {"signer": r"'hand(\d+)_'", "source": r"'room(\d+)_'"}
_OR_ELSE = {"signer": "", "source": ", or take --source folder for root/<source>/<label>/*"}


def find_in_paths(rows: Sequence[Sample], what: GroupKind, pattern: str) -> list[str | None]:
    r"""Search the path of each image below the root.

    Args:
        rows: N samples, at least one.
        what: What is looked for; names the option in messages.
        pattern: Regular expression with one group, such as ``hand(\d+)_``.

    Returns:
        What the group holds in each of the N paths; ``None`` where nothing is found.

    Raises:
        DataError: The expression is malformed, has not one group, or matches no path.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise DataError(
            f"--{what} {pattern!r} is no regular expression ({error})",
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
