"""What commands that read many images share: the store, the scan, the survey, the device, the reading."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handshape.cache.location import open_cache
from handshape.config.data import DataConfig, DataOptions
from handshape.data.data_report import DataReport, make_data_report
from handshape.data.dataset import Unreadable
from handshape.data.images.index import ImageIndex, index_images
from handshape.data.images.prepared import read_batch
from handshape.data.io.folder import read_folder
from handshape.errors import DataError
from handshape.inference.batch_retry import ON_A_CORE
from handshape.models.device import choose_device
from handshape.progress import say, track
from handshape.recogniser import Recogniser

__all__ = [
    "choose_device",
    "index_photos",
    "predict_photos",
    "print_findings",
    "print_skipped",
    "report_data",
]


def index_photos(config: DataConfig, *, size: int = 224, measure: bool = True) -> tuple[Path, ImageIndex]:
    """Read the images that a command asks for.

    Args:
        config: Its settings.
        size: Height and width of the prepared images in pixels.
        measure: Whether the facts that the data check needs are wanted.

    Returns:
        The store's folder and the scan.

    Raises:
        DataError: The data cannot be read.
        OutputError: The store cannot be written.
    """
    dataset = read_folder(config.data, labels=config.labels, signer=config.signer, source=config.source)
    store = open_cache(config.store)
    indexed = index_images(dataset, store, size=size, strict=config.strict, measure=measure)
    print_skipped(indexed.dataset.unreadable)
    return store, indexed


def print_skipped(unreadable: Sequence[Unreadable]) -> None:
    """Print how many files were left out, and the first of them."""
    if unreadable:
        first = unreadable[0]
        say(
            f"{len(unreadable)} files left out, the first: {first.name}, {first.reason} "
            "(`handshape inspect` lists them)"
        )


def predict_photos(
    recogniser: Recogniser, indexed: ImageIndex, indices: NDArray[np.int64], *, mirrored: bool = False
) -> NDArray[np.float32]:
    """Read photos with a recogniser.

    Args:
        recogniser: Its images are as large as those that were prepared.
        scan: Prepared images.
        indices: (N,) int64, which of them.
        mirrored: Whether their mirror images are read instead.

    Returns:
        (N, K) float32 probabilities.
    """
    rows: list[NDArray[np.float32]] = []
    with track("Reading mirror images" if mirrored else "Reading signs", len(indices)) as advance:
        for start in range(0, len(indices), ON_A_CORE):
            batch = indices[start : start + ON_A_CORE]
            images = read_batch(indexed.images, batch)
            # torch shares no array that runs backwards.
            images = np.ascontiguousarray(images[:, :, ::-1]) if mirrored else images
            rows.append(recogniser.prepared_probabilities(images))
            advance(len(batch))
    return np.concatenate(rows)


def report_data(
    config: DataOptions,
    indexed: ImageIndex,
    features: NDArray[np.float16] | None = None,
    *,
    for_training: bool = True,
) -> DataReport:
    """Split a scanned data set as a command asks, and look at what is wrong with it.

    Args:
        config: Its settings.
        scan: The scanned data set.
        features: (N, ...) float16, a backbone's features of each photo, where there are any.
        for_training: Whether one label, or a split that cannot be made, is an error; otherwise a finding.

    Returns:
        The survey.

    Raises:
        DataError: There are fewer than two labels, and ``for_training`` is set.
        SplitError: A side would be empty, and ``for_training`` is set.
    """
    labels = indexed.dataset.labels
    if for_training and len(labels) < 2:
        raise DataError(
            f"one label only ({labels[0]!r})",
            "images of at least two labels",
            "add a folder for another label",
        )
    return make_data_report(
        indexed,
        kind=config.split,
        valid_fraction=config.valid_fraction,
        test_fraction=config.test_fraction,
        seed=config.seed,
        features=features,
        must_split=for_training,
    )


def print_findings(data_report: DataReport) -> None:
    """Print what is wrong with a data set, as far as it changes what the figures mean."""
    for finding in data_report.findings:
        if finding.severity != "note":
            say(f"{finding.severity.capitalize()}: {finding.message}")
