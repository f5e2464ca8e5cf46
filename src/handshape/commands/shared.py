"""Steps that several commands share: index photos, split and check them, predict."""

from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handshape.cache.location import open_cache
from handshape.config.data import DataConfig, DataOptions, ReadingOptions
from handshape.config.use import AddConfig
from handshape.data.checks.finding import count_of
from handshape.data.data_report import DataReport, make_data_report
from handshape.data.dataset import Dataset
from handshape.data.images.decode import read_image
from handshape.data.images.index import ImageIndex, index_images, none_readable_error
from handshape.data.io.folder import read_folder
from handshape.data.io.labels import check_told_apart
from handshape.data.splits.train_valid_test import split_dataset
from handshape.errors import DataError, ImageError
from handshape.features.hand_landmarks import HandCache
from handshape.models.hand.hand_finder import HandFinder
from handshape.progress import say


def list_photos(config: ReadingOptions, data: Path, given: Dataset | None = None) -> Dataset:
    """List the photos of a command and say how they are laid out, without reading any.

    Args:
        config: The command's settings.
        data: Where the photos are.
        given: The photos themselves, where a program passes them.

    Raises:
        DataError: There are none, or the layout is not clear.
    """
    dataset = given or read_folder(
        data,
        labels=config.labels,
        signer=config.signer,
        source=config.source,
        label_from=config.label_from,
        layout=config.layout,
        follow_links=not config.no_follow_links,
        exclude=config.exclude,
        cache=config.cache,
    )
    say_layout(dataset, config)
    if not len(dataset):
        raise none_readable_error(dataset.root, dataset.unreadable)
    return dataset


def say_layout(dataset: Dataset, config: ReadingOptions) -> None:
    """Say how photos are laid out, if a layout was recognised."""
    if dataset.layout is not None:
        chosen = f", of which --labels takes {len(dataset.labels)}" if config.labels else ""
        say(f"Data: {dataset.layout.summary}{chosen}")


def list_checked(config: DataOptions, data: Path, given: Dataset | None = None) -> Dataset:
    """List the photos of a command that will train, and check them before any weights are fetched.

    The arguments are those of `list_photos`.

    Raises:
        DataError: There are none, the layout is not clear, or fewer than two labels have a photo that can be
            read.
        SplitError: A split would be empty.
    """
    dataset = list_photos(config, data, given)
    check_split(config, dataset)
    readable = set[str]()
    for sample in dataset.samples:
        if len(readable) > 1:
            return dataset
        if sample.label not in readable:
            with suppress(ImageError):
                read_image(sample.path)
                readable.add(sample.label)
    if len(readable) < 2:
        raise DataError(
            f"photos of {len(readable)} of {len(dataset.labels)} labels can be read",
            "readable photos of at least two labels",
            "`handshape inspect` says what is wrong with each file",
        )
    return dataset


def index_photos(
    config: DataConfig | AddConfig,
    *,
    size: int = 224,
    measure: bool = True,
    listed: Dataset | None = None,
    finder: HandFinder | None = None,
) -> tuple[Path, ImageIndex]:
    """Read the images of a command and return the cache folder and the index.

    Args:
        config: The command's settings.
        size: Height and width of the prepared images in pixels.
        measure: Whether to measure the images for the data check.
        finder: Finds the hand in each photo, for models that use landmarks.
        listed: From `list_photos`, if they were listed before.

    Raises:
        DataError: The data cannot be read.
        OutputError: The cache cannot be written.
    """
    dataset = listed or list_photos(config, config.data)
    cache = open_cache(config.cache)
    facts = HandCache(cache, finder) if finder else None
    indexed = index_images(dataset, cache, size=size, strict=config.strict, measure=measure, facts=facts)
    print_skipped(indexed.dataset)
    return cache, indexed


def print_skipped(dataset: Dataset) -> None:
    """Print how many files of each kind are not used, and the first of each."""
    for kind, rows in dataset.left_out().items():
        count = sum(row.files for row in rows)
        what = f"{count_of(count, 'file', 'files')}" if count else count_of(len(rows), "folder", "folders")
        say(f"Not used ({kind}): {what}, starting with {rows[0].name}: {rows[0].reason}")


def check_split(config: DataOptions, dataset: Dataset) -> None:
    """Check that a data set can be split as a command asks, without looking for near-copies.

    Raises:
        DataError: There are fewer than two labels, or two that cannot be told apart.
        SplitError: A split would be empty.
    """
    labels = dataset.labels
    check_told_apart(labels)
    if len(labels) < 2:
        raise DataError(
            f"only one label ({labels[0]!r})",
            "images of at least two labels",
            "add a folder for another label, or find labels in file names with --label-from",
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
    data_report = make_data_report(
        indexed,
        kind=config.split,
        valid_fraction=config.valid_fraction,
        test_fraction=config.test_fraction,
        seed=config.seed,
        features=features,
        must_split=must_split,
    )
    if data_report.split.cut is not None:
        name, by = data_report.split.cut
        count = len(data_report.split.dataset.on(name))
        photos = count_of(count, "training photo is", "training photos are")
        say(f"No {name} split is given: {photos} taken for it, by {by}.")
    return data_report


def print_findings(data_report: DataReport) -> None:
    """Print the findings that change what the accuracy means."""
    for finding in data_report.findings:
        if finding.severity != "note" and finding.kind != "not_used":  # `print_skipped` says it
            say(f"{finding.severity.capitalize()}: {finding.message}")
