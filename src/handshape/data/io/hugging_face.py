"""Images and labels of a data set of Hugging Face's library; needs the extra ``datasets``."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from handshape.cache.location import open_cache
from handshape.data.images.prepared import content_digest
from handshape.errors import DataError, MissingExtraError


def columns_of_hugging_face(
    dataset: Any, image: str, label: str, signer: str | None, cache: str | Path | None
) -> tuple[list[Path], list[str], list[str] | None, None, list[str] | None]:
    """Return paths, labels, signers, sources and splits; images in tables are written into the cache.

    Raises:
        DataError: A column is missing, or an image has no content.
        MissingExtraError: The extra ``datasets`` is not installed.
    """
    try:
        import datasets
    except ImportError as error:
        remedy = "install it with `pip install 'handshape[datasets]'`"
        raise MissingExtraError("no datasets here", "the extra `datasets`", remedy) from error
    parts = dataset if isinstance(dataset, datasets.DatasetDict) else {"": dataset}
    folder = open_cache(None if cache is None else Path(cache)) / "hugging-face"
    paths, labels, signers, splits = list[Path](), list[str](), list[str](), list[str]()
    for split, part in parts.items():
        for name in filter(None, (image, label, signer)):
            if name not in part.column_names:
                there = ", ".join(part.column_names)
                raise DataError(f"no column {name!r} in the data set", f"one of {there}", "name the columns")
        paths += _files(part.cast_column(image, datasets.Image(decode=False)), image, folder)
        kind = part.features[label]
        words = kind.int2str if isinstance(kind, datasets.ClassLabel) else str
        labels += [words(value) for value in part[label]]
        signers += [] if signer is None else [str(value) for value in part[signer]]
        splits += [split] * len(part)
    return paths, labels, signers or None, None, splits if len(parts) > 1 else None


def _files(part: Any, image: str, folder: Path) -> Iterator[Path]:
    for number, row in enumerate(part[image]):
        place, content = row["path"], row["bytes"]
        if place is not None and Path(place).is_file():
            yield Path(place)
            continue
        if content is None:
            raise DataError(f"image {number} has no content", "images", "check the data set")
        file = folder / f"{content_digest(content)}{Path(place or 'image').suffix or '.image'}"
        if not file.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            partial = file.with_suffix(".partial")
            partial.write_bytes(content)
            partial.replace(file)
        yield file
