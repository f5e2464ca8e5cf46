"""Teach: collect photos, train on them, and predict with the trained recogniser."""

import threading
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Any, Literal

from handshape.config.models import MODELS
from handshape.data.io.project_file import SIGNER_PATTERN
from handshape.errors import AlbumError, HandshapeError
from handshape.recogniser import ASL
from handshape.serve.loaded_recogniser import LoadedRecogniser, load_for_serving
from handshape.serve.prediction_queue import PredictionQueue
from handshape.serve.teach.advice import give_advice
from handshape.serve.teach.hand_landmarks import LandmarkFinder, LandmarkList
from handshape.serve.teach.photo_folder import PhotoFolder, TeachPhoto, photos_by_label
from handshape.serve.teach.training import Training, TrainingProcess
from handshape.threads import threads

LEAST_PHOTOS = 2
"""Photos of a sign that training needs."""

Which = Literal["taught", "started"]


class Teacher:
    """Teaches signs from a folder of photos: adds them to the recogniser of the server, or trains another.

    Args:
        folder: The photos.
        queue: Predicts; gets the trained recogniser when it is to be used.
        cache: The cache.
    """

    def __init__(self, folder: PhotoFolder, queue: PredictionQueue, cache: Path) -> None:
        self.folder, self._queue, self._cache = folder, queue, cache
        self.bundle = folder.path.with_name(f"{folder.path.name}-recogniser")
        self.started, self.taught = queue.recogniser, self._load_taught()
        self._lock, self._process = threading.Lock(), TrainingProcess()
        self._landmarks = LandmarkFinder(folder, cache, queue)
        if self.started is None:
            queue.recogniser = self.taught

    @property
    def base(self) -> LoadedRecogniser | None:
        """The recogniser that signs are added to; None where they make one of their own."""
        started = self.started
        if started is None or not MODELS[started.recogniser.config.network.model].hand_landmarks:
            return None
        return started

    def add(self, label: str, signer: str, data: bytes) -> "Future[tuple[TeachPhoto, LandmarkList | None]]":
        """Save a photo and find its hand landmarks, as soon as the queue gets to it.

        Returns:
            The photo and its landmarks, ``None`` where no hand was found, or why it cannot be saved; see
            `PhotoFolder.add`.

        Raises:
            BusyError: The queue is full.
        """
        return self._queue.run(data, partial(self._add, label, signer, data))

    def _add(self, label: str, signer: str, data: bytes) -> tuple[TeachPhoto, LandmarkList | None]:
        photo = self.folder.add(label, signer, data)
        return photo, self._landmarks.add(photo, data)

    def landmarks(self, label: str, name: str) -> "Future[LandmarkList | None]":
        """Find the hand landmarks of a photo, as soon as the queue gets to it.

        Returns:
            The landmarks, ``None`` where no hand was found, or why the photo cannot be decoded.

        Raises:
            UnknownPhotoError: There is no such photo.
            BusyError: The queue is full.
        """
        data = self.folder.read(label, name)
        return self._queue.run(data, partial(self._landmarks.find, data))

    def train(self) -> None:
        """Train on the photos, save the result as a run, and keep it ready for use.

        Raises:
            AlbumError: There are too few photos, or another training is running.
            OutputError: The run cannot be written.
            TrainingError: The process that trains has ended before.
        """
        if not self._lock.acquire(blocking=False):
            raise AlbumError("another training is running", "one at a time", "wait a moment")
        try:
            training = self.training()
            with self._queue.much_memory:
                self._process.run(training)
            self.taught = load_for_serving(self.bundle)
        finally:
            self._lock.release()

    def training(self) -> Training:
        """Return what is to be trained on.

        Raises:
            AlbumError: There are too few photos.
        """
        photos, digest = self.folder.sound(), self._digest()
        if missing := self._missing(photos):
            expected = "a sign with some photos" if self.base else "two signs with some photos each"
            raise AlbumError("too few photos to train on", expected, missing)
        self._landmarks.save()  # the process that trains reads them there
        base = None if self.base is None else self.base.recogniser
        return Training(self.folder.path, tuple(photos), base, self._cache, self.bundle, digest, threads())

    def close(self) -> None:
        """End a training that is running; photos and what was taught before stay."""
        self._process.close()

    def use(self, which: Which) -> None:
        """Predict with the recogniser that was taught, or with the one that the server started with.

        Raises:
            AlbumError: There is none.
        """
        recogniser = self.taught if which == "taught" else self.started
        if recogniser is None:
            raise AlbumError(f"there is no recogniser {which!r}", "one that was trained", "train first")
        self._queue.recogniser = recogniser

    def state(self) -> dict[str, Any]:
        """Return the photos, what is missing, what was taught and what is in use, as JSON for the page."""
        photos, known = self.folder.photos(), self._base_labels()
        taught = self._taught_state()
        confused = taught and taught["figures"].get("most_confused")
        found = self._landmarks
        return {
            "folder": str(self.folder.path),
            "command": self._command(),
            "labels": [
                {
                    "label": label,
                    "in_base": label in known,
                    "photos": [self._photo_state(photo) for photo in own],
                }
                for label, own in photos_by_label(photos).items()
            ],
            "signers": sorted({photo.signer for photo in photos if photo.signer}),
            "missing": self._missing(photos),
            "adds_to": self._adds_to(),
            "advice": [
                one.to_dict()
                for one in give_advice(
                    photos, found.of_photo, found.has_hand, confused, damaged=self.folder.damaged
                )
            ],
            "taught": taught,
            "started_with": self.started is not None,
            "in_use": self._in_use(),
            "downloads": [*(["photos"] if photos else []), *(["bundle", "page"] if taught else [])],
        }

    def _base_labels(self) -> tuple[str, ...]:
        return () if self.base is None else self.base.recogniser.labels

    def _command(self) -> str:
        path, signer = quote(str(self.folder.path)), quote(SIGNER_PATTERN)
        if self.base is None:
            return f"handshape train {path} --model landmarks --signer {signer}"
        folder = self.base.recogniser.folder
        bundle = "asl" if folder == ASL else quote(str(folder))
        return f"handshape add {bundle} {path} --signer {signer}"

    def _adds_to(self) -> dict[str, Any] | None:
        if self.base is None:
            return None
        count, model = len(self.base.recogniser.labels), self.base.recogniser.config.network.model
        sentence = f"Signs are added to the {count} labels of the recogniser in use."
        if model == "combined":
            sentence = (
                f"{sentence} It classifies image features and hand landmarks together; with your signs it "
                "will recognise all labels by landmarks alone."
            )
        return {"labels": count, "model": model, "sentence": sentence}

    def _photo_state(self, photo: TeachPhoto) -> dict[str, Any]:
        return {"name": photo.name, "signer": photo.signer, "hand": self._landmarks.has_hand(photo)}

    def _taught_state(self) -> dict[str, Any] | None:
        if self.taught is None:
            return None
        config = self.taught.recogniser.config
        return {
            "bundle": str(self.bundle),
            "labels": list(config.labels),
            "added": config.figures.get("added", []),
            "sentence": config.figures.get("sentence", ""),
            "figures": config.figures,
            "stale": config.trained_on.get("data_digest") != self._digest(),
        }

    def _digest(self) -> str:
        """Return text that changes with the photos, and with the recogniser that signs are added to."""
        return self.folder.fingerprint() + ("" if self.base is None else self.base.digest)

    def _in_use(self) -> Which | None:
        recogniser = self._queue.recogniser
        return None if recogniser is None else "taught" if recogniser is self.taught else "started"

    def _missing(self, photos: list[TeachPhoto]) -> str:
        """Return what has to be done before training, or nothing."""
        counts = {label: len(own) for label, own in photos_by_label(photos).items()}
        if self.base is None and len(counts) < 2:
            return "take photos of two signs or more"
        if not counts:
            return "take photos of a sign"
        few = [label for label, count in counts.items() if count < LEAST_PHOTOS]
        return f"take at least {LEAST_PHOTOS} photos of {', '.join(few)}" if few else ""

    def _load_taught(self) -> LoadedRecogniser | None:
        try:
            return load_for_serving(self.bundle) if self.bundle.is_dir() else None
        except HandshapeError:  # of another version, or damaged; the photos are still there
            return None
