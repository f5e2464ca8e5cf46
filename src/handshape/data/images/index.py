"""Read every image once: which can be used, what was measured of each, and its prepared pixels."""

import json
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from handshape.cache.integrity import until_sound
from handshape.cache.table import CacheTable
from handshape.data.dataset import Dataset, Sample, Unreadable
from handshape.data.images.decode import DECODER, Preprocessing, decode_image
from handshape.data.images.image_cache import (
    CachedImages,
    cache_file,
    fits_cache,
    is_cached,
    write_cached_images,
)
from handshape.data.images.image_stats import ImageStats, image_stats
from handshape.data.images.prepared import ImageFiles, PreparedImages, content_digest
from handshape.data.images.workers import in_order, workers
from handshape.errors import DataError, ImageError
from handshape.progress import track

# Photos that a thread reads before it hands them over.
_CHUNK = 8
_CHANGED = "changed while it was being read"
_CANNOT = "cannot be read"
# Views in the table: measured photos, and photos that can be read but were not measured.
_MEASURED, _READABLE = 0, 1


@dataclass(frozen=True)
class ImageIndex:
    """The readable images of a data set.

    Args:
        dataset: N readable samples; the others are in its ``unreadable``.
        digests: Content digest of each image file.
        stats: Measurements of each image; empty where they were not asked for.
        images: The prepared images.
    """

    dataset: Dataset
    digests: tuple[str, ...]
    stats: tuple[ImageStats, ...]
    images: PreparedImages


class PhotoFacts(Protocol):
    """What else is found in each photo while it is decoded, and kept."""

    def missing(self, digests: Sequence[str]) -> set[str]:
        """Return the content digests of the photos for which it is not known."""

    def find(self, digest: str, pixels: NDArray[np.uint8]) -> Any:
        """Find it in a photo, (H, W, 3) uint8; called by several threads."""

    def commit(self) -> None:
        """Write what was found."""


def index_images(
    dataset: Dataset,
    cache: Path,
    *,
    size: int = 224,
    strict: bool = False,
    cached: bool = True,
    measure: bool = True,
    facts: PhotoFacts | None = None,
) -> ImageIndex:
    """Read every image of a data set; images that the cache has are not read again.

    Args:
        dataset: Samples as listed by `read_folder`.
        cache: The cache folder.
        size: Height and width of the prepared images in pixels.
        strict: Raise for the first image that cannot be used, instead of skipping it.
        cached: Whether prepared images are kept in the cache, if they fit; otherwise they are decoded each
            time they are asked for.
        measure: Whether to measure each image, which takes longer than decoding it.
        facts: What else is found in each image.

    Returns:
        The index; labels without a readable image are no longer among its labels.

    Raises:
        DataError: No image can be used, or, with ``strict``, one cannot.
    """
    samples, unreadable = dataset.samples, list(dataset.unreadable)
    with workers() as pool:
        digests = list(in_order(pool, _digest, samples, _CHUNK))
        table = _stats_table(cache)
        known = until_sound(partial(_known_stats, table, digests, measure))
        path = cache_file(cache, digests, size)
        keep = cached and fits_cache(len(samples), size)
        fill = keep and not is_cached(path, len(samples), size)
        lacking = facts.missing([digest for digest in digests if digest]) if facts else set[str]()
        todo = [i for i, digest in enumerate(digests) if fill or digest not in known or digest in lacking]
        with write_cached_images(path, digests, size) if fill else nullcontext(None) as writer:
            write = writer.write if writer else None

            def find(digest: str, pixels: NDArray[np.uint8]) -> None:
                if facts and digest in lacking:
                    lacking.discard(digest)  # once for all copies of a photo
                    facts.find(digest, pixels)

            read = partial(_read, Preprocessing(size), samples, digests, write, find, measure)
            reasons = _read_all(in_order(pool, read, todo, _CHUNK), todo, digests, known)
            if facts:
                facts.commit()
            if writer and any(digests[i] and _is_temporary(reason) for i, reason in reasons.items()):
                writer.discard()
                keep = False
    new = {digests[i]: known[digests[i]] for i in todo if digests[i] in known}
    _remember(table, new)
    unreadable += [Unreadable(samples[i].name, samples[i].label, reason) for i, reason in reasons.items()]
    if strict and unreadable:
        raise unreadable_error(unreadable[0])
    good = np.array([i for i in range(len(samples)) if i not in reasons], dtype=np.int64)
    kept = _readable(dataset, good, unreadable)
    stats = tuple(one for one in (known[digests[i]] for i in good) if one is not None) if measure else ()
    good_digests = tuple(digests[i] for i in good)
    files = ImageFiles(kept.samples, good_digests, Preprocessing(size))
    images: PreparedImages = files
    if keep:
        with suppress(FileNotFoundError):  # another process may have deleted it
            images = CachedImages(path, good, size, files)
    return ImageIndex(kept, good_digests, stats, images)


def _digest(sample: Sample) -> str:
    try:
        return content_digest(sample.path.read_bytes())
    except OSError:
        return ""  # the error is reported when it is read again


def _read(
    preprocessing: Preprocessing,
    samples: Sequence[Sample],
    digests: Sequence[str],
    write: Callable[[int, NDArray[np.uint8]], None] | None,
    find: Callable[[str, NDArray[np.uint8]], None],
    measure: bool,
    index: int,
) -> ImageStats | str | None:
    """Decode and write one image; return its stats if asked for, or why it cannot be used."""
    try:
        data = samples[index].path.read_bytes()
        if content_digest(data) != digests[index]:
            return _CHANGED
        pixels, mode = decode_image(data)
    except OSError as error:
        return f"{_CANNOT} ({error.strerror})"
    except ImageError as error:
        return error.wrong
    if write is not None:
        write(index, preprocessing.prepare(pixels))
    find(digests[index], pixels)
    return image_stats(pixels, mode) if measure else None


def _read_all(
    results: Any, todo: Sequence[int], digests: Sequence[str], known: dict[str, ImageStats | None]
) -> dict[int, str]:
    reasons: dict[int, str] = {}
    with track("Reading photos", len(todo)) as advance:
        for index, result in zip(todo, results, strict=True):
            if isinstance(result, str):
                reasons[index] = result
            else:
                known[digests[index]] = result
            advance(1)
    return reasons


def _is_temporary(reason: str) -> bool:
    """Return whether the same file may be readable another time."""
    return reason.startswith((_CHANGED, _CANNOT))


def _readable(dataset: Dataset, good: NDArray[np.int64], unreadable: list[Unreadable]) -> Dataset:
    samples = tuple(dataset.samples[i] for i in good)
    present = {sample.label for sample in samples}
    if not samples:
        raise none_readable_error(dataset.root, unreadable)
    labels = tuple(label for label in dataset.labels if label in present)
    return replace(dataset, samples=samples, labels=labels, unreadable=tuple(unreadable))


def none_readable_error(root: Path, unreadable: Sequence[Unreadable]) -> DataError:
    """Return the error of a data set in which no image can be used."""
    return DataError(
        f"none of the {len(unreadable)} files in {str(root)!r} is a readable image",
        "image files such as JPEG or PNG",
        f"check the first: {unreadable[0].name!r}, {unreadable[0].reason}" if unreadable else "add photos",
    )


def unreadable_error(first: Unreadable) -> DataError:
    """Return the error of an unreadable image with ``--strict``."""
    return DataError(
        f"{first.name!r}: {first.reason}", "only readable images (--strict)", "repair or remove the file"
    )


def _stats_table(cache: Path) -> CacheTable:
    # Each version of the decoder and of the measured fields has its own table.
    measured = ",".join([*(field.name for field in fields(ImageStats)), DECODER])
    version = blake2b(measured.encode(), digest_size=4).hexdigest()
    return CacheTable(
        cache / f"facts-{version}.lance", {"facts": pa.string()}, {"about": "measurements of image files"}
    )


def _known_stats(table: CacheTable, digests: Sequence[str], measure: bool) -> dict[str, ImageStats | None]:
    """Return the cached stats of photos; ``None`` for a readable photo that was not measured."""
    known: dict[str, ImageStats | None] = {}
    if not measure:
        readable = zip(digests, table.rows(digests, _READABLE), strict=True)
        known = {digest: None for digest, row in readable if row >= 0}
    rows = table.rows(digests, _MEASURED)
    found = np.flatnonzero(rows >= 0)
    if len(found):
        texts = table.read(rows[found])["facts"].to_pylist()
        pairs = zip(found.tolist(), texts, strict=True)
        known |= {digests[i]: ImageStats(**json.loads(text)) for i, text in pairs}
    return known


def _remember(table: CacheTable, new: dict[str, ImageStats | None]) -> None:
    measured = {digest: json.dumps(asdict(stats)) for digest, stats in new.items() if stats is not None}
    readable = {digest: "" for digest, stats in new.items() if stats is None}
    for view, texts in ((_MEASURED, measured), (_READABLE, readable)):
        if texts:
            table.append(list(texts), view, {"facts": pa.array(list(texts.values()))})
            table.compact()
