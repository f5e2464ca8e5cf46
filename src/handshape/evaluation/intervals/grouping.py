"""Group the test photos that depend on each other, which decides what an interval covers.

Photos of one signer resemble each other, and those of one burst are nearly the same. Ten thousand photos of
four signers tell little more about a fifth signer than four people can.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from handshape.data.splits.claim import NEW_SIGNERS

GroupUnit = Literal["signer", "source", "burst", "photo"]
Groups = Sequence[object] | NDArray[Any]

ONE_SIGNER = "more photos of this one person, not other people"
SAME_SOURCE = "more photos like these; handshape does not know who signs"
NEW_SOURCES = "rooms, cameras or collections that are not in the training data"
TWO_SOURCES = "more photos from these two sources, not other rooms or cameras"


@dataclass(frozen=True)
class Grouping:
    """The outermost groups within which photos resemble each other.

    Args:
        unit: What a group is.
        groups: (N,) int64 in [0, G), the group of each photo.
        count: G, the number of groups.
        scope: What an interval over these groups covers, in words.
    """

    unit: GroupUnit
    groups: NDArray[np.int64]
    count: int
    scope: str

    def sums(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Return the sum of (N,) values over each group: (G,) float64."""
        return np.bincount(self.groups, weights=values, minlength=self.count).astype(np.float64)

    @property
    def sizes(self) -> NDArray[np.float64]:
        """Number of photos of each group: (G,) float64."""
        return self.sums(np.ones(len(self.groups)))


def group_photos(count: int, signers: Groups | None = None, bursts: Groups | None = None) -> Grouping:
    """Group photos by signer, else by burst, else not at all.

    With one signer, photos are grouped by burst, and the scope is that one person.

    Args:
        count: N, the number of photos.
        signers: (N,) signer of each photo, None where unknown; all unknown ones count as one signer.
        bursts: (N,) burst of each photo, None for a photo on its own.

    Returns:
        The groups; the unit is the photo if no group has two.
    """
    scope = SAME_SOURCE
    if signers is not None and any(signer is not None for signer in signers):
        names = ["" if signer is None else str(signer) for signer in signers]
        if len(set(names)) > 1:
            return _grouped("signer", names, NEW_SIGNERS)
        scope = ONE_SIGNER
    if bursts is not None:
        names = [f"alone {i}" if burst is None else f"burst {burst}" for i, burst in enumerate(bursts)]
        return _grouped("burst", names, scope)
    return Grouping("photo", np.arange(count, dtype=np.int64), count, scope)


def group_by_source(count: int, sources: Groups, bursts: Groups | None = None) -> Grouping:
    """Group photos by source if there are three or more sources, else by burst within each source.

    Args:
        count: N, the number of photos.
        sources: (N,) source of each photo.
        bursts: (N,) burst of each photo, None for a photo on its own.

    Returns:
        The groups; the unit is the photo if no group has two.
    """
    names = [str(source) for source in sources]
    if len(set(names)) > 2:
        return _grouped("source", names, NEW_SOURCES)
    own: Groups = [None] * count if bursts is None else bursts
    inner = [f"alone {i}" if burst is None else f"burst {burst}" for i, burst in enumerate(own)]
    return _grouped("burst", [f"{name}/{one}" for name, one in zip(names, inner, strict=True)], TWO_SOURCES)


def _grouped(unit: GroupUnit, names: list[str], scope: str) -> Grouping:
    unique, inverse = np.unique(np.array(names), return_inverse=True)
    if len(unique) == len(names):
        unit = "photo"  # every group has one photo
    return Grouping(unit, inverse.astype(np.int64).reshape(-1), len(unique), scope)
