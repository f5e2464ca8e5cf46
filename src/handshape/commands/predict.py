"""Predict the labels of images with a saved recogniser."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.config.use import PredictConfig
from handshape.data.images.decode import decode_image
from handshape.data.io.folder import read_unlabelled
from handshape.data.io.tree import text_of
from handshape.data.io.video_frames import is_video, timed_frames
from handshape.errors import DataNotFoundError, ImageError
from handshape.held_signs import FRAMES_PER_SECOND, find_held_signs
from handshape.progress import say
from handshape.recogniser import Recogniser, load


def predict(config: PredictConfig) -> list[dict[str, Any]]:
    """Return path, label, probability and most probable labels of each image, or its error.

    A folder stands for all photos in it and below. Photos that cannot be read do not stop the others. A video
    gives one entry for each sign that is held in it, with its ``start`` and ``end`` in seconds.

    Raises:
        BundleError: The bundle is missing or damaged.
        DataNotFoundError: None of the images is there.
    """
    videos = [path for path in config.images if is_video(path) and path.is_file()]
    paths, bad = _photos([path for path in config.images if path not in videos])
    if not paths and not videos:
        name, reason = next(iter(bad.items()), (str(config.images[0]), "no photo in it"))
        raise DataNotFoundError(
            f"no image at {name!r} ({reason})", "an image file or a folder", "check the path"
        )
    recogniser = load(config.bundle)
    answers = iter(recogniser.predict(_readable(paths, bad)))
    found: list[dict[str, Any]] = []
    for path in paths:
        name = text_of(str(path))
        found.append({"path": name, **({"error": bad[name]} if name in bad else next(answers).to_dict())})
    for path in videos:
        found += _held(path, recogniser)
    missing = bad.keys() - {one["path"] for one in found}
    return [*found, *({"path": name, "error": bad[name]} for name in bad if name in missing)]


def _held(path: Path, recogniser: Recogniser) -> list[dict[str, Any]]:
    """Return an entry for each sign that is held in a video, or why it cannot be read."""
    name = text_of(str(path))
    try:
        held = find_held_signs(recogniser, timed_frames(path, FRAMES_PER_SECOND))
    except ImageError as error:
        return [{"path": name, "error": error.wrong.removeprefix(f"{str(path)!r}: ")}]
    if not held:
        say(f"{name}: no sign is held in it.")
    return [
        {"path": name, **one.prediction.to_dict(), "start": round(one.start, 2), "end": round(one.end, 2)}
        for one in held
    ]


def _photos(images: list[Path]) -> tuple[list[Path], dict[str, str]]:
    """Return the photos of files and folders, and why others cannot be read."""
    paths, bad = list[Path](), dict[str, str]()
    for image in images:
        try:
            if image.is_dir():
                dataset = read_unlabelled(image)
                paths += [sample.path for sample in dataset.samples]
                for kind, rows in dataset.left_out().items():
                    say(f"Not used ({kind}): {len(rows)}, starting with {rows[0].name}: {rows[0].reason}")
            elif image.is_file():
                paths.append(image)
            else:
                bad[text_of(str(image))] = "not a regular file" if image.exists() else "no such file"
        except OSError as error:
            bad[text_of(str(image))] = f"cannot be read ({error.strerror})"
    return paths, bad


def _readable(paths: list[Path], bad: dict[str, str]) -> Iterator[NDArray[np.uint8]]:
    """Yield the pixels of the photos that can be read, and note why the others cannot."""
    for path in paths:
        try:
            yield decode_image(path.read_bytes())[0]
        except OSError as error:
            bad[text_of(str(path))] = f"cannot be read ({error.strerror})"
        except ImageError as error:
            bad[text_of(str(path))] = error.wrong
