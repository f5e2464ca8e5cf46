"""Steps that several commands share: index photos, split and check them, predict."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handshape.cache.location import open_cache
from handshape.config.data import DataConfig, DataOptions
from handshape.data.data_report import DataReport, make_data_report
from handshape.data.dataset import Dataset, Unreadable
from handshape.data.images.index import ImageIndex, index_images
from handshape.data.io.folder import read_folder
from handshape.data.splits.train_valid_test import split_dataset
from handshape.errors import DataError
from handshape.features.hand_landmarks import HandCache
from handshape.models.hand.hand_finder import HandFinder
from handshape.progress import say


def index_photos(
    config: DataConfig, *, size: int = 224, measure: bool = True, finder: HandFinder | None = None
) -> tuple[Path, ImageIndex]:
    """Read the images of a command and return the cache folder and the index.

    Args:
        config: The command's settings.
        size: Height and width of the prepared images in pixels.
        measure: Whether to measure the images for the data check.
        finder: Finds the hand in each photo, for models that use landmarks.

    Raises:
        DataError: The data cannot be read.
        OutputError: The cache cannot be written.
    """
    dataset = read_folder(config.data, labels=config.labels, signer=config.signer, source=config.source)
    cache = open_cache(config.cache)
    facts = HandCache(cache, finder) if finder else None
    indexed = index_images(dataset, cache, size=size, strict=config.strict, measure=measure, facts=facts)
    print_skipped(indexed.dataset.unreadable)
    return cache, indexed


def print_skipped(unreadable: Sequence[Unreadable]) -> None:
    """Print how many files were skipped, and the first of them."""
    if unreadable:
        first, count = unreadable[0], len(unreadable)
        say(
            f"Skipped {count} file{'s' * (count != 1)}, starting with {first.name}: {first.reason} "
            "(`handshape inspect` lists all)"
        )


def check_split(config: DataOptions, dataset: Dataset) -> None:
    """Check that a data set can be split as a command asks, without looking for near-copies.

    Raises:
        DataError: There are fewer than two labels.
        SplitError: A split would be empty.
    """
    labels = dataset.labels
    if len(labels) < 2:
        raise DataError(
            f"only one label ({labels[0]!r})",
            "images of at least two labels",
            "add a folder for another label",
        )
    split_dataset(
        dataset,
        kind=config.split,
        valid_fraction=config.valid_fraction,
        test_fraction=config.test_fraction,
        seed=config.seed,
    )


def report_data(
    config: DataOptions,
    indexed: ImageIndex,
    features: NDArray[np.float16] | None = None,
    *,
    must_split: bool = True,
) -> DataReport:
    """Split and check a data set as a command asks; see `make_data_report`."""
    return make_data_report(
        indexed,
        kind=config.split,
        valid_fraction=config.valid_fraction,
        test_fraction=config.test_fraction,
        seed=config.seed,
        features=features,
        must_split=must_split,
    )


def print_findings(data_report: DataReport) -> None:
    """Print the findings that change what the accuracy means."""
    for finding in data_report.findings:
        if finding.severity != "note":
            say(f"{finding.severity.capitalize()}: {finding.message}")
