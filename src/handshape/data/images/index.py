"""Read every image once: which can be used, what each is, and its prepared pixels."""

import json
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from handshape.cache.table import Table
from handshape.data.dataset import Dataset, Sample, Unreadable
from handshape.data.images.decode import Preprocessing, decode_image
from handshape.data.images.image_cache import CachedImages, held_file, hold, is_held, may_be_held
from handshape.data.images.image_stats import ImageFacts, image_facts
from handshape.data.images.prepared import ImageFiles, PreparedImages, content_digest
from handshape.data.images.workers import in_order, workers
from handshape.errors import DataError, ImageError
from handshape.progress import track

# Photos that one thread reads at a time.
_TOGETHER = 8
_CHANGED = "changed while it was being read"
_CANNOT = "cannot be read"
# Views in the table of facts: what was measured of a photo, and that it can be read though nothing was.
_MEASURED, _READABLE = 0, 1


@dataclass(frozen=True)
class Scan:
    """A data set of readable images and what reading them told.

    Args:
        dataset: N readable samples; the others are in its ``unreadable``.
        digests: Content digest of each image file.
        facts: What was measured of each image; empty where that was not asked for.
        images: The prepared images.
    """

    dataset: Dataset
    digests: tuple[str, ...]
    facts: tuple[ImageFacts, ...]
    images: PreparedImages


def scan_dataset(
    dataset: Dataset,
    store: Path,
    *,
    size: int = 224,
    strict: bool = False,
    held: bool = True,
    measure: bool = True,
) -> Scan:
    """Read every image of a data set, or what the store already knows of it.

    Args:
        dataset: Samples as listed by `read_folder`.
        store: The store's folder.
        size: Height and width of the prepared images in pixels.
        strict: Raise for the first image that cannot be used, instead of leaving it out.
        held: Whether prepared images are kept in the store for later passes, if there are not too many;
            otherwise each is decoded when it is asked for.
        measure: Whether each image's facts are wanted, which take longer than decoding it.

    Returns:
        The scan; labels without a readable image are no longer among its labels.

    Raises:
        DataError: No image can be used, or, with ``strict``, one cannot.
    """
    samples, unreadable = dataset.samples, list(dataset.unreadable)
    with workers() as pool:
        digests = list(in_order(pool, _digest, samples, _TOGETHER))
        table = _facts_table(store)
        known = _known_facts(table, digests, measure)
        path = held_file(store, digests, size)
        keep = held and may_be_held(len(samples), size)
        fill = keep and not is_held(path, len(samples), size)
        todo = [i for i, digest in enumerate(digests) if fill or digest not in known]
        with hold(path, digests, size) if fill else nullcontext(None) as filling:
            put = filling.put if filling else None
            read = partial(_read, Preprocessing(size), samples, digests, put, measure)
            reasons = _read_all(in_order(pool, read, todo, _TOGETHER), todo, digests, known)
            if filling and any(digests[i] and _is_passing(reason) for i, reason in reasons.items()):
                filling.give_up()
                keep = False
    new = {digests[i]: known[digests[i]] for i in todo if digests[i] in known}
    _remember(table, new)
    unreadable += [Unreadable(samples[i].name, samples[i].label, reason) for i, reason in reasons.items()]
    if strict and unreadable:
        raise not_strict(unreadable[0])
    good = np.array([i for i in range(len(samples)) if i not in reasons], dtype=np.int64)
    kept = _readable(dataset, good, unreadable)
    facts = tuple(one for one in (known[digests[i]] for i in good) if one is not None) if measure else ()
    good_digests = tuple(digests[i] for i in good)
    images: PreparedImages = ImageFiles(kept.samples, good_digests, Preprocessing(size))
    if keep:
        with suppress(FileNotFoundError):  # another process may have made room just now
            images = CachedImages(path, good, size)
    return Scan(kept, good_digests, facts, images)


def _digest(sample: Sample) -> str:
    try:
        return content_digest(sample.path.read_bytes())
    except OSError:
        return ""  # reading it again says why


def _read(
    preprocessing: Preprocessing,
    samples: Sequence[Sample],
    digests: Sequence[str],
    put: Callable[[int, NDArray[np.uint8]], None] | None,
    measure: bool,
    index: int,
) -> ImageFacts | str | None:
    """Decode one image into its place; return its facts if they are wanted, or why it cannot be used."""
    try:
        data = samples[index].path.read_bytes()
        if content_digest(data) != digests[index]:
            return _CHANGED
        pixels, mode = decode_image(data)
    except OSError as error:
        return f"{_CANNOT} ({error.strerror})"
    except ImageError as error:
        return error.wrong
    if put is not None:
        put(index, preprocessing.prepare(pixels))
    return image_facts(pixels, mode) if measure else None


def _read_all(
    results: Any, todo: Sequence[int], digests: Sequence[str], known: dict[str, ImageFacts | None]
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


def _is_passing(reason: str) -> bool:
    """Whether an image may be read another time although its content is the same."""
    return reason.startswith((_CHANGED, _CANNOT))


def _readable(dataset: Dataset, good: NDArray[np.int64], unreadable: list[Unreadable]) -> Dataset:
    samples = tuple(dataset.samples[i] for i in good)
    present = {sample.label for sample in samples}
    if not samples:
        raise none_readable(dataset.root, unreadable)
    labels = tuple(label for label in dataset.labels if label in present)
    return replace(dataset, samples=samples, labels=labels, unreadable=tuple(unreadable))


def none_readable(root: Path, unreadable: Sequence[Unreadable]) -> DataError:
    """Return the error of a data set in which no image can be used."""
    return DataError(
        f"none of the {len(unreadable)} files in {str(root)!r} is a readable image",
        "image files such as JPEG or PNG",
        f"check the first: {unreadable[0].name!r}, {unreadable[0].reason}",
    )


def not_strict(first: Unreadable) -> DataError:
    """Return the error of an image that cannot be used, where none may be left out."""
    return DataError(
        f"{first.name!r}: {first.reason}", "images that can be read (--strict)", "mend or remove the file"
    )


def _facts_table(store: Path) -> Table:
    # Facts of another version of the program are another table, told apart by the names of their fields.
    version = blake2b(",".join(f.name for f in fields(ImageFacts)).encode(), digest_size=4).hexdigest()
    return Table(
        store / f"facts-{version}.lance", {"facts": pa.string()}, {"about": "facts about image files"}
    )


def _known_facts(table: Table, digests: Sequence[str], measure: bool) -> dict[str, ImageFacts | None]:
    """Return what the store knows of photos; ``None`` for one that can be read, where that is enough."""
    known: dict[str, ImageFacts | None] = {}
    if not measure:
        readable = zip(digests, table.rows(digests, _READABLE), strict=True)
        known = {digest: None for digest, row in readable if row >= 0}
    rows = table.rows(digests, _MEASURED)
    found = np.flatnonzero(rows >= 0)
    if len(found):
        texts = table.read(rows[found], "facts").to_pylist()
        pairs = zip(found.tolist(), texts, strict=True)
        known |= {digests[i]: ImageFacts(**json.loads(text)) for i, text in pairs}
    return known


def _remember(table: Table, new: dict[str, ImageFacts | None]) -> None:
    measured = {digest: json.dumps(asdict(facts)) for digest, facts in new.items() if facts is not None}
    readable = {digest: "" for digest, facts in new.items() if facts is None}
    for view, texts in ((_MEASURED, measured), (_READABLE, readable)):
        if texts:
            table.append(list(texts), view, {"facts": pa.array(list(texts.values()))})
            table.compact()
