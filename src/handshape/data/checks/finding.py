"""A finding: one problem of a data set, or one fact to know about it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

Severity = Literal["serious", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """One problem of a data set, or one fact to know about it.

    Args:
        kind: Short name for programs, such as ``few_photos``.
        severity: ``serious``: the measured accuracy is not valid; ``warning``: it is lower than it could
            be, or looks better than it is; ``note``: worth knowing.
        message: How many photos or labels, what it means, what to do.
        share: Affected photos as a share of all, in [0, 1].
        names: Names of the affected photos; empty where it is about labels or about all photos.
        labels: Affected labels; empty where it is not about labels.
    """

    kind: str
    severity: Severity
    message: str
    share: float
    names: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


def ranked(found: Iterable[Finding]) -> list[Finding]:
    """Return findings in order: serious ones, warnings, notes."""
    return sorted(found, key=lambda finding: get_args(Severity).index(finding.severity))


def count_of(number: int, one: str, many: str) -> str:
    """Return the number with what it counts, such as ``1 photo is`` or ``2,000 photos are``."""
    return f"{number:,} {one if number == 1 else many}"


def listed(words: tuple[str, ...], most: int = 8) -> str:
    """Return the first words as a list in prose: ``A, B, C and 5 more``."""
    if len(words) > most:
        return f"{', '.join(words[:most])} and {len(words) - most} more"
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
