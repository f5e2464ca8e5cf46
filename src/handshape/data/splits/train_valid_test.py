"""Split a data set into train, valid and test: as given, by signer, or at random per label."""

from dataclasses import dataclass

from handshape.data.dataset import Dataset
from handshape.data.sample import SPLITS, Ids, SplitName
from handshape.data.splits.assign import SplitKind, SplitOption, assign_splits


@dataclass(frozen=True)
class Split:
    """A data set whose samples all have a split, and how it was made.

    Args:
        dataset: Every sample's ``split`` is set.
        kind: ``signer``: each signer in one split; ``random``: per label; ``given``: by the folders or table.
        grouped: Whether a random split kept bursts of near-duplicates together.
        cut: The split that was not given and was cut from training, and by what: signer, burst or photo.
    """

    dataset: Dataset
    kind: SplitKind
    grouped: bool = False
    cut: tuple[SplitName, str] | None = None

    def counts(self) -> dict[str, int]:
        """Number of images in each split."""
        return {name: len(self.dataset.on(name)) for name in SPLITS}

    def missing(self) -> dict[str, list[str]]:
        """Labels without an image, by split; splits that have all labels are left out."""
        lacking = {
            name: [label for label, count in self.dataset.on(name).counts().items() if count == 0]
            for name in SPLITS
        }
        return {name: labels for name, labels in lacking.items() if labels}


def split_dataset(
    dataset: Dataset,
    *,
    kind: SplitOption = "auto",
    valid_fraction: float = 0.2,
    test_fraction: float = 0.2,
    seed: int = 0,
    bursts: Ids | None = None,
) -> Split:
    """Assign every sample to a split.

    ``auto`` uses the split of the folders or the table if there is one, else splits by signer if three or
    more are known, else at random within each label. In a split by signer, samples of unknown signers go to
    train. Where validation or test is not given, it is cut from training by signer, else by burst.

    Args:
        dataset: At least two labels.
        kind: How to split.
        valid_fraction: Share of images for validation, in (0, 1).
        test_fraction: Share of images for the test, in (0, 1).
        seed: Fixes every random choice.
        bursts: (N,) group of each sample; a random split, or one that is cut from training, keeps groups
            together.

    Raises:
        UsageError: The fractions leave nothing to train on.
        SplitError: A split would be empty, or the data lacks what ``kind`` needs.
    """
    assigned = assign_splits(
        dataset.samples,
        dataset.classes,
        kind=kind,
        valid_fraction=valid_fraction,
        test_fraction=test_fraction,
        seed=seed,
        bursts=bursts,
    )
    grouped = assigned.kind == "random" and bursts is not None
    return Split(dataset.with_splits(assigned.names), assigned.kind, grouped, assigned.cut)
