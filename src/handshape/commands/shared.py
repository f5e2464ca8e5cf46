"""What commands that read many images share: the store, the scan, the survey, the device, the reading."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handshape.cache.location import open_store
from handshape.config.data import DataConfig, DataOptions
from handshape.data.data_report import Survey, survey_data
from handshape.data.dataset import Unreadable
from handshape.data.images.index import Scan, scan_dataset
from handshape.data.images.prepared import read_batch
from handshape.data.io.folder import read_folder
from handshape.errors import DataError
from handshape.inference.batch_retry import ON_A_CORE
from handshape.models.device import choose_device
from handshape.progress import say, track
from handshape.recogniser import Recogniser

__all__ = ["choose_device", "read_signs", "say_findings", "say_left_out", "scan_material", "survey_material"]


def scan_material(config: DataConfig, *, size: int = 224, measure: bool = True) -> tuple[Path, Scan]:
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
    store = open_store(config.store)
    scan = scan_dataset(dataset, store, size=size, strict=config.strict, measure=measure)
    say_left_out(scan.dataset.unreadable)
    return store, scan


def say_left_out(unreadable: Sequence[Unreadable]) -> None:
    """Print how many files were left out, and the first of them."""
    if unreadable:
        first = unreadable[0]
        say(
            f"{len(unreadable)} files left out, the first: {first.name}, {first.reason} "
            "(`handshape inspect` lists them)"
        )


def read_signs(
    recogniser: Recogniser, scan: Scan, indices: NDArray[np.int64], *, mirrored: bool = False
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
            images = read_batch(scan.images, batch)
            # torch shares no array that runs backwards.
            images = np.ascontiguousarray(images[:, :, ::-1]) if mirrored else images
            rows.append(recogniser.prepared_probabilities(images))
            advance(len(batch))
    return np.concatenate(rows)


def survey_material(
    config: DataOptions,
    scan: Scan,
    features: NDArray[np.float16] | None = None,
    *,
    for_training: bool = True,
) -> Survey:
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
    labels = scan.dataset.labels
    if for_training and len(labels) < 2:
        raise DataError(
            f"one label only ({labels[0]!r})",
            "images of at least two labels",
            "add a folder for another label",
        )
    return survey_data(
        scan,
        kind=config.split,
        valid_fraction=config.valid_fraction,
        test_fraction=config.test_fraction,
        seed=config.seed,
        features=features,
        must_split=for_training,
    )


def say_findings(survey: Survey) -> None:
    """Print what is wrong with a data set, as far as it changes what the figures mean."""
    for finding in survey.findings:
        if finding.severity != "note":
            say(f"{finding.severity.capitalize()}: {finding.message}")
