"""Choose labels, ``A,B,C`` or the range ``A-I``, and tell them apart."""

import unicodedata
from collections import Counter
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


def alike_labels(labels: Sequence[str]) -> list[str]:
    """Return labels that differ only in case or Unicode form; empty where all can be told apart."""
    forms = [unicodedata.normalize("NFC", unicodedata.normalize("NFC", label).casefold()) for label in labels]
    counts = Counter(forms)
    twice = next((form for form in forms if counts[form] > 1), None)
    return [label for label, form in zip(labels, forms, strict=True) if form == twice]


def check_told_apart(labels: Sequence[str]) -> None:
    """Check before training that labels can be told apart, as a saved recogniser's must be.

    Raises:
        DataError: Some differ only in case or Unicode form.
    """
    if alike := alike_labels(labels):
        raise DataError(
            f"the labels {alike[0]!r} and {alike[1]!r} differ only in case or Unicode form",
            "labels that can be told apart",
            "rename one, or put the photos into one folder if they are one sign",
        )
