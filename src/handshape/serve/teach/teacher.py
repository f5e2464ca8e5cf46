"""Teach: features of photos as they come in, training on demand, and the recogniser that comes out of it."""

import threading
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any, Literal

from handshape.bundle import BundleConfig
from handshape.config.fields import option
from handshape.errors import AlbumError, HandshapeError
from handshape.evaluation.evaluation import write_predictions
from handshape.recogniser import Recogniser
from handshape.run import describe, new_run, write_json
from handshape.serve.engine import Engine
from handshape.serve.reader import Reader, open_reader
from handshape.serve.teach.album import SIGNER, Album, Photo, by_label
from handshape.serve.teach.features import Features
from handshape.serve.teach.hands import Hands, Points
from handshape.serve.teach.learn import Lesson, learn

LEAST = 2
"""Photos of a sign below which it is not trained on."""

Which = Literal["taught", "started"]


@dataclass(frozen=True)
class _TeachConfig:
    """Settings of a training, for the run that it leaves."""

    data: Path
    model: str = option("landmarks", "Model.")


class Teacher:
    """Teaches a recogniser from an album.

    Args:
        album: The photos.
        engine: What reads; gets the taught recogniser when that is asked for.
        store: The feature store's folder.
    """

    def __init__(self, album: Album, engine: Engine, store: Path) -> None:
        self.album, self._engine, self._store = album, engine, store
        self.bundle = album.folder.with_name(f"{album.folder.name}-recogniser")
        self._started, self._taught = engine.reader, self._open_taught()
        self._lock = threading.Lock()
        self._hands = Hands(store)
        self._features = Features(album, self._hands, store)
        if self._started is None and self._taught is not None:
            engine.use(self._taught)

    def add(self, label: str, signer: str, data: bytes) -> tuple[Photo, Points | None]:
        """Keep a photo, and find the hand in it.

        Args:
            label: The sign.
            signer: Who signs.
            data: A JPEG file's bytes.

        Returns:
            The photo, and where its hand is; ``None`` where none was found.

        Raises:
            HandshapeError: It cannot be kept; see `Album.add`.
        """
        photo = self.album.add(label, signer, data)
        hand = self._hands.look(data)
        self._features.come(photo, hand is not None)
        return photo, hand

    def hand(self, label: str, name: str) -> Points | None:
        """Return where the hand is in a photo of the album; ``None`` where none was found.

        Raises:
            UnknownPhotoError: There is no such photo.
            ImageError: It is damaged.
        """
        return self._hands.look(self.album.path(label, name).read_bytes())

    def train(self) -> Lesson:
        """Train on the album, save what comes out as a run, and keep it ready for use.

        Returns:
            The lesson.

        Raises:
            AlbumError: There are too few photos, or another training is running.
            OutputError: The run cannot be written.
        """
        if not self._lock.acquire(blocking=False):
            raise AlbumError("another training is running", "one at a time", "wait a moment")
        try:
            photos = self.album.photos()
            if missing := missing_photos(photos):
                raise AlbumError("too few photos to train on", "two signs with some photos each", missing)
            fingerprint = self.album.fingerprint()
            signer = SIGNER if any(photo.signer for photo in photos) else None
            lesson = learn(self.album.folder, signer, self._store)
            self._save(lesson, fingerprint)
            self._taught = open_reader(self.bundle)
            return lesson
        finally:
            self._lock.release()

    def use(self, which: Which) -> None:
        """Read with the taught recogniser, or with the one that the server started with.

        Raises:
            AlbumError: There is none.
        """
        reader = self._taught if which == "taught" else self._started
        if reader is None:
            raise AlbumError(f"there is no recogniser {which!r}", "one that was trained", "train first")
        self._engine.use(reader)

    def state(self) -> dict[str, Any]:
        """Return what the page shows: the photos, what is missing, what was taught, what is in use."""
        photos = self.album.photos()
        return {
            "folder": str(self.album.folder),
            "command": f"handshape train {quote(str(self.album.folder))} --signer {quote(SIGNER)}",
            "labels": [
                {"label": label, "photos": [self._photo_state(photo) for photo in own]}
                for label, own in by_label(photos)
            ],
            "signers": sorted({photo.signer for photo in photos if photo.signer}),
            "missing": missing_photos(photos),
            "taught": self._taught_state(),
            "started_with": self._started is not None,
            "in_use": self._in_use(),
        }

    def _photo_state(self, photo: Photo) -> dict[str, Any]:
        return {"name": photo.name, "signer": photo.signer, "hand": self._features.found(photo)}

    def _taught_state(self) -> dict[str, Any] | None:
        if self._taught is None:
            return None
        config = self._taught.recogniser.config
        return {
            "bundle": str(self.bundle),
            "labels": list(config.labels),
            "sentence": config.figures.get("sentence", ""),
            "figures": config.figures,
            "stale": config.trained_on.get("album") != self.album.fingerprint(),
        }

    def _in_use(self) -> Which | None:
        reader = self._engine.reader
        return None if reader is None else "taught" if reader is self._taught else "started"

    def _open_taught(self) -> Reader | None:
        try:
            return open_reader(self.bundle) if self.bundle.is_dir() else None
        except HandshapeError:  # of another version, or damaged; the photos are still there
            return None

    def _save(self, lesson: Lesson, fingerprint: str) -> None:
        final, dataset = lesson.final, lesson.dataset
        figures = lesson.to_dict()
        settings = _TeachConfig(self.album.folder)
        config = BundleConfig(
            dataset.labels,
            final.fitted.config,
            final.calibration.temperature,
            final.rejection.threshold,
            trained_on={
                "album": fingerprint,
                "split": "signer" if lesson.folds else "random",
                "signers": list(dataset.signers),
                "train": len(dataset),
                "valid": 0,
                "test": sum(len(fold.tested) for fold in lesson.folds),
            },
            figures=figures,
        )
        with new_run(self.bundle, force=True) as folder:
            write_json(folder / "config.json", describe("teach", settings, fingerprint))
            write_json(folder / "metrics.json", figures)
            write_predictions(folder / "predictions.csv", lesson.folds)
            Recogniser(final.fitted.network, config).save(folder / "recogniser", _card(lesson))


def missing_photos(photos: list[Photo]) -> str:
    """Return what has to be done before training, or nothing."""
    counts = {label: len(own) for label, own in by_label(photos)}
    if len(counts) < 2:
        return "take photos of two signs or more"
    few = [label for label, count in counts.items() if count < LEAST]
    return f"take at least {LEAST} photos of {', '.join(few)}" if few else ""


def _card(lesson: Lesson) -> str:
    labels = lesson.dataset.labels
    people = len(lesson.dataset.signers)
    return (
        f"# {len(labels)} hand signs: {', '.join(labels)}\n\n"
        f"A handshape recogniser, taught on the page from {len(lesson.dataset)} photos of "
        f"{people or 'unknown'} {'person' if people == 1 else 'people'}.\n\n{lesson.sentence}\n\n"
        "Use it with `handshape predict` or `handshape.load(...)`. It reads one static hand shape in a\n"
        "photo. It does not understand a sign language: movement, place, face and grammar carry meaning\n"
        "that a single hand shape does not have.\n"
    )
