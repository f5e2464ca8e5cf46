"""Choose labels: ``A,B,C`` or the range ``A-I``."""

from collections.abc import Sequence

from handshape.errors import DataError


def select_labels(found: Sequence[str], wanted: str | None) -> tuple[str, ...]:
    """Choose labels by name or by range of single characters.

    A label's own name, such as ``thumbs-up``, is never taken for a range.

    Args:
        found: Labels in the data.
        wanted: Comma-separated names and ranges such as ``A-I``; ``None`` for all.

    Returns:
        The chosen labels in class order (sorted by name).

    Raises:
        DataError: A name is not among the labels, or a range contains none of them.
    """
    if wanted is None:
        return tuple(sorted(found))
    chosen: set[str] = set()
    for part in (piece.strip() for piece in wanted.split(",")):
        if part:
            chosen.update(_named(found, part))
    if not chosen:
        raise DataError(
            f"--labels {wanted!r} names no label", "names such as A,B,C or a range such as A-I", "name one"
        )
    return tuple(sorted(chosen))


def _named(found: Sequence[str], part: str) -> list[str]:
    if part in found:
        return [part]
    first, dash, last = part.partition("-")
    if dash and len(first) == len(last) == 1:
        inside = [label for label in found if len(label) == 1 and first <= label <= last]
        if inside:
            return inside
    raise DataError(
        f"no label {part!r} in the data",
        f"labels among {', '.join(sorted(found))}",
        "check --labels against the names of the folders",
    )
