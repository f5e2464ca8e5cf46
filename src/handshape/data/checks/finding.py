"""A finding: one thing that is wrong with a data set, or worth knowing about it."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["serious", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or worth knowing.

    Args:
        kind: Short name for programs, such as ``few_photos``.
        severity: ``serious``: figures cannot be believed; ``warning``: they will be worse, or look better
            than they are; ``note``: worth knowing.
        message: One sentence: how many, what it means, what to do.
        share: Photos concerned as a share of all, in [0, 1].
        names: Photos concerned, by name; empty where it is about labels or about all photos.
        labels: Labels concerned; empty where it is not about labels.
    """

    kind: str
    severity: Severity
    message: str
    share: float
    names: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


def count_of(number: int, one: str, many: str) -> str:
    """Return the number with what it counts, such as ``1 photo is`` or ``2,000 photos are``."""
    return f"{number:,} {one if number == 1 else many}"


def listed(words: tuple[str, ...], most: int = 8) -> str:
    """Return words in a row, the first few of them: ``A, B, C and 5 more``."""
    if len(words) > most:
        return f"{', '.join(words[:most])} and {len(words) - most} more"
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
