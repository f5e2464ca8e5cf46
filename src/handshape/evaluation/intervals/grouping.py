"""Which photos of a test set depend on each other, and so what an interval over them may speak of.

Photos of one signer resemble each other, and shots of one burst are nearly the same photo. Ten thousand
photos of four signers say little more about a fifth signer than four people can say.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from handshape.errors import ShapeError

GroupUnit = Literal["signer", "source", "burst", "photo"]
Groups = Sequence[object] | NDArray[Any]

NEW_SIGNERS = "signers it has never seen"
ONE_SIGNER = "one signer: photos of that signer only"
SAME_SOURCE = "photos from the same source; who signs is not known"
NEW_SOURCES = "rooms, cameras or collections never seen"
TWO_SOURCES = "more photos from these two sources; how rooms and cameras differ cannot be seen in two"


@dataclass(frozen=True)
class Grouping:
    """The outermost groups within which photos resemble each other.

    Args:
        unit: What a group is.
        groups: (N,) int64 in [0, G), the group of each photo.
        count: G, the number of groups.
        scope: What an interval over these groups speaks of, in words.
    """

    unit: GroupUnit
    groups: NDArray[np.int64]
    count: int
    scope: str

    def sums(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Add up the values of each group.

        Args:
            values: (N,) numbers or bool.

        Returns:
            (G,) float64.
        """
        return np.bincount(self.groups, weights=values, minlength=self.count).astype(np.float64)

    @property
    def sizes(self) -> NDArray[np.float64]:
        """Number of photos of each group: (G,) float64."""
        return self.sums(np.ones(len(self.groups)))


def group_photos(count: int, signers: Groups | None = None, bursts: Groups | None = None) -> Grouping:
    """Take the widest grouping that the data allows: signers, else bursts, else single photos.

    With one signer only, the photos are grouped by burst (or stand alone), and the scope says that nothing is
    known about anyone else.

    Args:
        count: N, the number of photos.
        signers: (N,) signer of each photo, None where unknown; all unknown ones count as one signer, unless
            no signer is known at all.
        bursts: (N,) burst of each photo; None for a photo means that it stands alone.

    Returns:
        The groups and what an interval over them speaks of; the unit is the photo if no group has two.

    Raises:
        ShapeError: signers or bursts are not N.
    """
    _check_length("signers", signers, count)
    _check_length("bursts", bursts, count)
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
    """Take sources as the groups where there are three or more.

    Two cannot show how sources differ: then photos are grouped by burst within each (or stand alone), and the
    scope says so.

    Args:
        count: N, the number of photos.
        sources: (N,) source of each photo.
        bursts: (N,) burst of each photo; None for a photo means that it stands alone.

    Returns:
        The groups and what an interval over them speaks of; the unit is the photo if no group has two.

    Raises:
        ShapeError: sources or bursts are not N.
    """
    _check_length("sources", sources, count)
    _check_length("bursts", bursts, count)
    names = [str(source) for source in sources]
    if len(set(names)) > 2:
        return _grouped("source", names, NEW_SOURCES)
    own: Groups = [None] * count if bursts is None else bursts
    inner = [f"alone {i}" if burst is None else f"burst {burst}" for i, burst in enumerate(own)]
    return _grouped("burst", [f"{name}/{one}" for name, one in zip(names, inner, strict=True)], TWO_SOURCES)


def _check_length(name: str, groups: Groups | None, count: int) -> None:
    if groups is not None and len(groups) != count:
        raise ShapeError(
            f"{len(groups)} {name} for {count} photos", f"{count}", f"pass one of the {name} per photo"
        )


def _grouped(unit: GroupUnit, names: list[str], scope: str) -> Grouping:
    unique, inverse = np.unique(np.array(names), return_inverse=True)
    if len(unique) == len(names):
        unit = "photo"  # groups of one photo each hold nothing together
    return Grouping(unit, inverse.astype(np.int64).reshape(-1), len(unique), scope)
