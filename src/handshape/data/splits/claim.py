"""What an accuracy on test photos may claim, by who and what is in training too."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

from handshape.data.checks.finding import count_of
from handshape.data.dataset import Dataset, Sample

ClaimKind = Literal["unseen signers", "unseen sources", "unseen photos", "known photos"]


@dataclass(frozen=True)
class AccuracyClaim:
    """What an accuracy may claim; every place that shows the accuracy reads this.

    Args:
        photos: Test photos.
        known_photos: Those of them whose very file is in training or validation.
        signers: Known signers of the test photos.
        new_signers: Whether none of them is in training or validation; None if some signers are not known.
        sources: Known sources of the test photos.
        new_sources: The same for sources.
    """

    photos: int
    known_photos: int = 0
    signers: int = 0
    new_signers: bool | None = None
    sources: int = 0
    new_sources: bool | None = None

    @property
    def kind(self) -> ClaimKind:
        """The most that may be claimed."""
        if self.known_photos:
            return "known photos"
        if self.new_signers:
            return "unseen signers"
        return "unseen sources" if self.new_sources else "unseen photos"

    @property
    def whom(self) -> str:
        """Whose photos were classified: the end of a sentence, from its comma on."""
        if self.kind == "known photos":
            return f", {self.known_photos:,} of which are training photos"
        if self.kind == "unseen signers":
            people = "one signer who is" if self.signers == 1 else f"{self.signers:,} signers who are"
            return f", from {people} not in the training data"
        if self.kind == "unseen sources":
            places = "one source that is" if self.sources == 1 else f"{self.sources:,} sources that are"
            return f", from {places} not in the training data"
        if self.new_signers is False:
            return ", from people who are in the training data too"
        return ", from people who may be in the training data too"

    @property
    def sentence(self) -> str:
        """The same as one or two sentences, with what it does not say."""
        if self.kind == "known photos":
            photos = count_of(self.known_photos, "test photo is", "test photos are")
            return f"{photos} in the training data too, so the accuracy partly measures memory."
        if self.kind == "unseen signers":
            return "Nobody in the test photos is in the training photos."
        people = {
            True: "",
            False: "The same people are in training and test. ",
            None: "The same people may be in training and test. ",
        }[self.new_signers]
        if self.kind == "unseen sources":
            return f"No source of the test photos is in the training photos. {people}".strip()
        return f"{people}The accuracy says nothing about people or rooms that are not in your photos."

    def scope(self, scope: str) -> str:
        """Return what an interval covers, given what it would cover if all signers and sources were new."""
        if scope == NEW_SIGNERS and self.kind != "unseen signers":
            return "more photos of the people who were tested"
        return scope

    def to_dict(self) -> dict[str, Any]:
        """Return the claim as JSON."""
        return {"kind": self.kind, "sentence": self.sentence, **asdict(self)}

    @classmethod
    def from_dict(cls, found: dict[str, Any]) -> Self:
        """Return the claim from its JSON."""
        return cls(**{name: found[name] for name in cls.__dataclass_fields__})


NEW_SIGNERS = "signers who are not in the training data"
"""What an interval over signers covers, if they are."""


def find_claim(dataset: Dataset, digests: Sequence[str]) -> AccuracyClaim:
    """Return what an accuracy on a data set's test photos may claim.

    Args:
        dataset: N photos with their splits.
        digests: Content digest of each.
    """
    rows = list(zip(dataset.samples, digests, strict=True))
    tested = [row for row in rows if row[0].split == "test"]
    others = [row for row in rows if row[0].split != "test"]
    trained = {digest for _, digest in others}
    return AccuracyClaim(
        len(tested),
        sum(digest in trained for _, digest in tested),
        *_new((one.signer for one, _ in tested), (one.signer for one, _ in others)),
        *_new((one.source for one, _ in tested), (one.source for one, _ in others)),
    )


def claim_of_folds(kind: str, samples: Sequence[Sample], signers_apart: bool | None) -> AccuracyClaim:
    """Return what the mean over folds may claim, in which each signer, or each source, was left out once."""
    signers, sources = {one.signer for one in samples} - {None}, {one.source for one in samples} - {None}
    return AccuracyClaim(
        len(samples), 0, len(signers), signers_apart, len(sources), True if kind == "source" else None
    )


def _new(tested: Iterable[str | None], others: Iterable[str | None]) -> tuple[int, bool | None]:
    """Return how many tested groups are known, and whether none of them is among the others."""
    here, there = set(tested), set(others)
    known = here - {None}
    if known & there:
        return len(known), False
    return len(known), None if None in here | there or not here else True
