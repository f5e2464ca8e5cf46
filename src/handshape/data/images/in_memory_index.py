"""Index images that a program passes, as `index_images` indexes those of a folder."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handshape.data.dataset import Dataset, Sample
from handshape.data.images.decode import Preprocessing
from handshape.data.images.image_stats import image_stats
from handshape.data.images.in_memory import ImageLike, to_pixels
from handshape.data.images.index import ImageIndex, PhotoFacts, index_images
from handshape.data.images.prepared import InMemoryImages, content_digest


def index_in_memory(
    images: Sequence[ImageLike],
    classes: NDArray[np.int64],
    labels: tuple[str, ...],
    cache: Path,
    *,
    signers: Sequence[str | None] | None = None,
    size: int = 224,
    cached: bool = False,
    facts: PhotoFacts | None = None,
) -> ImageIndex:
    """Index paths, Pillow images or arrays.

    Files share the cache with every command. Arrays and Pillow images are identified by their pixels.

    Args:
        images: N images.
        classes: (N,) int64 in [0, K).
        labels: K labels.
        cache: The cache folder.
        signers: (N,) signer of each, None where unknown.
        size: Height and width of the prepared images in pixels.
        cached: As for `index_images`; arrays and Pillow images stay in memory.
        facts: As for `index_images`.

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
        return index_images(dataset, cache, size=size, strict=True, cached=cached, facts=facts)
    pixels = [to_pixels(image) for image in images]
    prepared = np.stack([Preprocessing(size).prepare(one) for one in pixels])
    digests = tuple(content_digest(f"{one.shape}".encode() + one.tobytes()) for one in pixels)
    if facts is not None:
        lacking = facts.missing(digests)
        for digest, one in {d: one for d, one in zip(digests, pixels, strict=True) if d in lacking}.items():
            facts.find(digest, one)
        facts.commit()
    return ImageIndex(
        dataset,
        digests,
        tuple(image_stats(one, "RGB") for one in pixels),
        InMemoryImages(prepared),
    )
