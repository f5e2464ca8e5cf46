"""Photos for checking an export: given ones, those of the run, or drawn hands."""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handshape.data.images.decode import read_image
from handshape.data.io.folder import read_folder
from handshape.errors import DataError, DataNotFoundError, HandshapeError, ImageError
from handshape.synthetic.picture import draw_image
from handshape.synthetic.poses import ALPHABET
from handshape.synthetic.signer import make_signer

_DRAWN = 24
_DRAWN_SIZE = 256


@dataclass(frozen=True)
class LabelledPhoto:
    """A photo for checking.

    Args:
        image: Its file, or its pixels if it was drawn.
        label: Its label, if known.
    """

    image: Path | NDArray[np.uint8]
    label: str | None = None

    def pixels(self) -> NDArray[np.uint8]:
        """Return (H, W, 3) uint8, RGB.

        Raises:
            ImageError: The file cannot be read.
        """
        return read_image(self.image) if isinstance(self.image, Path) else self.image


@dataclass(frozen=True)
class Photos:
    """Photos for checking an export.

    Args:
        source: Where they are from, in words.
        check: Photos on which predictions are compared.
        calibration: Other photos, for the calibration of 8-bit quantisation.
    """

    source: str
    check: tuple[LabelledPhoto, ...]
    calibration: tuple[LabelledPhoto, ...]


def find_photos(bundle: Path, labels: Sequence[str], images: Path | None) -> Photos:
    """Find photos for checking an export.

    Args:
        bundle: Folder of the bundle itself.
        labels: K labels of the recogniser.
        images: Folder of photos, in label folders where labels matter; ``None`` for the photos of the
            bundle's run, or drawn hands if there is no run.

    Raises:
        DataError: There is no photo in ``images``.
    """
    if images is not None:
        return _of_folder(images.expanduser(), labels)
    return _of_run(bundle.parent) or _drawn(labels)


def spaced(photos: Sequence[LabelledPhoto], most: int) -> list[LabelledPhoto]:
    """Return at most ``most`` photos, evenly spaced, without unreadable ones.

    Raises:
        DataError: None of the chosen ones can be read.
    """
    chosen = [photos[i] for i in np.unique(np.linspace(0, len(photos) - 1, most).round().astype(int))]
    readable = [photo for photo in chosen if _is_readable(photo)]
    if not readable:
        raise DataError(
            f"none of {len(chosen)} photos can be read",
            "readable images",
            "give others with --images",
        )
    return readable


def _is_readable(photo: LabelledPhoto) -> bool:
    try:
        photo.pixels()
    except ImageError:
        return False
    return True


def _of_folder(folder: Path, labels: Sequence[str]) -> Photos:
    if not folder.is_dir():
        raise DataNotFoundError(f"no folder at {str(folder)!r}", "a folder of photos", "check --images")
    endings = set(Image.registered_extensions())
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in endings and path.is_file())
    if not paths:
        raise DataError(f"no photo in {str(folder)!r}", "a folder of photos", "check --images")
    photos = [LabelledPhoto(path, path.parent.name if path.parent.name in labels else None) for path in paths]
    return Photos(f"photos in {folder}", tuple(photos[::2]), tuple(photos[1::2] or photos))


def _of_run(run: Path) -> Photos | None:
    """Return the photos of a run, if they are still there."""
    try:
        settings = json.loads((run / "config.json").read_text(encoding="utf-8"))["settings"]
        data, source = settings["data"], settings.get("source")  # older runs have no sources
        dataset = read_folder(data, labels=settings["labels"], signer=settings["signer"], source=source)
        with (run / "predictions.csv").open(newline="", encoding="utf-8") as file:
            tested = {row["path"] for row in csv.DictReader(file)}
    except (OSError, ValueError, KeyError, TypeError, HandshapeError):
        return None  # not a run, an older one, or its photos are gone
    check = tuple(LabelledPhoto(s.path, s.label) for s in dataset.samples if s.name in tested)
    rest = tuple(LabelledPhoto(s.path, s.label) for s in dataset.samples if s.name not in tested)
    return Photos(f"the run's test photos in {dataset.root}", check, rest) if check and rest else None


def _drawn(labels: Sequence[str]) -> Photos:
    letters = [label for label in labels if label in ALPHABET] or list(ALPHABET)
    photos = []
    for index in range(_DRAWN):
        signer = make_signer(1 + index % 6, 0)
        drawn = draw_image(letters[index % len(letters)], signer, index=index, size=_DRAWN_SIZE)
        photos.append(LabelledPhoto(drawn.pixels))
    return Photos("drawn hands, because there are no photos", tuple(photos[::2]), tuple(photos[1::2]))
