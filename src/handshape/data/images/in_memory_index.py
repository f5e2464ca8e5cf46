"""Scan images that a program gives, as those of a folder are scanned."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handshape.data.dataset import Dataset, Sample
from handshape.data.images.decode import Preprocessing
from handshape.data.images.image_stats import image_facts
from handshape.data.images.in_memory import ImageLike, as_pixels
from handshape.data.images.index import Scan, scan_dataset
from handshape.data.images.prepared import InMemoryImages, content_digest


def scan_given(
    images: Sequence[ImageLike],
    classes: NDArray[np.int64],
    labels: tuple[str, ...],
    store: Path,
    *,
    signers: Sequence[str | None] | None = None,
    size: int = 224,
    held: bool = False,
) -> Scan:
    """Scan images as `scan_dataset` does those of a folder, but refuse what cannot be read.

    Features of a file are found again by every command, for they are kept by its content. Arrays and Pillow
    images have a digest of their pixels.

    Args:
        images: N images.
        classes: (N,) int64 in [0, K).
        labels: K labels.
        store: The store's folder.
        signers: (N,) signer of each, None where unknown.
        size: Height and width of the prepared images in pixels.
        held: As for `scan_dataset`; arrays and Pillow images are held in memory.

    Returns:
        The scan, in the order of the images.

    Raises:
        DataError: A file cannot be read.
        ShapeError: An array is not (H, W, 3) uint8.
    """
    paths = [Path(image) if isinstance(image, str | Path) else None for image in images]
    names = [str(path) if path else f"image {index}" for index, path in enumerate(paths)]
    samples = tuple(
        Sample(path or Path(name), name, labels[index], signer)
        for path, name, index, signer in zip(
            paths, names, classes, signers or [None] * len(names), strict=True
        )
    )
    dataset = Dataset(Path(), samples, labels)
    if all(paths):
        return scan_dataset(dataset, store, size=size, strict=True, held=held)
    pixels = [as_pixels(image) for image in images]
    prepared = np.stack([Preprocessing(size).prepare(one) for one in pixels])
    return Scan(
        dataset,
        tuple(content_digest(f"{one.shape}".encode() + one.tobytes()) for one in pixels),
        tuple(image_facts(one, "RGB") for one in pixels),
        InMemoryImages(prepared),
    )
