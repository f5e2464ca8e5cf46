"""Teach: collect photos, train on them, and predict with the trained recogniser."""

import threading
from pathlib import Path
from shlex import quote
from typing import Any, Literal

from handshape.errors import AlbumError, HandshapeError
from handshape.serve.loaded_recogniser import LoadedRecogniser, load_for_serving
from handshape.serve.prediction_queue import PredictionQueue
from handshape.serve.teach.hand_landmarks import LandmarkFinder, LandmarkList
from handshape.serve.teach.photo_folder import SIGNER_PATTERN, PhotoFolder, TeachPhoto, photos_by_label
from handshape.serve.teach.training import TeachResult, train_on_photos

LEAST_PHOTOS = 2
"""Photos of a sign that training needs."""

Which = Literal["taught", "started"]


class Teacher:
    """Trains recognisers on a folder of photos.

    Args:
        folder: The photos.
        queue: Predicts; gets the trained recogniser when it is to be used.
        cache: The cache.
    """

    def __init__(self, folder: PhotoFolder, queue: PredictionQueue, cache: Path) -> None:
        self.folder, self._queue, self._cache = folder, queue, cache
        self.bundle = folder.path.with_name(f"{folder.path.name}-recogniser")
        self._started, self._taught = queue.recogniser, self._load_taught()
        self._lock = threading.Lock()
        self._landmarks = LandmarkFinder(folder, cache)
        if self._started is None:
            queue.recogniser = self._taught

    def add(self, label: str, signer: str, data: bytes) -> tuple[TeachPhoto, LandmarkList | None]:
        """Save a photo and find its hand landmarks; ``None`` where no hand was found.

        Raises:
            HandshapeError: It cannot be saved; see `PhotoFolder.add`.
        """
        photo = self.folder.add(label, signer, data)
        return photo, self._landmarks.add(photo, data)

    def landmarks(self, label: str, name: str) -> LandmarkList | None:
        """Return the hand landmarks of a photo; ``None`` where no hand was found.

        Raises:
            UnknownPhotoError: There is no such photo.
            ImageError: It is damaged.
        """
        return self._landmarks.find(self.folder.find(label, name).read_bytes())

    def train(self) -> TeachResult:
        """Train on the photos, save the result as a run, and keep it ready for use.

        Raises:
            AlbumError: There are too few photos, or another training is running.
            OutputError: The run cannot be written.
        """
        if not self._lock.acquire(blocking=False):
            raise AlbumError("another training is running", "one at a time", "wait a moment")
        try:
            photos, fingerprint = self.folder.photos(), self.folder.fingerprint()
            if missing := missing_photos(photos):
                raise AlbumError("too few photos to train on", "two signs with some photos each", missing)
            signer = SIGNER_PATTERN if any(photo.signer for photo in photos) else None
            result = train_on_photos(self.folder.path, signer, self._cache)
            result.save(self.bundle, fingerprint, self._cache)
            self._taught = load_for_serving(self.bundle)
            return result
        finally:
            self._lock.release()

    def use(self, which: Which) -> None:
        """Predict with the recogniser that was taught, or with the one that the server started with.

        Raises:
            AlbumError: There is none.
        """
        recogniser = self._taught if which == "taught" else self._started
        if recogniser is None:
            raise AlbumError(f"there is no recogniser {which!r}", "one that was trained", "train first")
        self._queue.recogniser = recogniser

    def state(self) -> dict[str, Any]:
        """Return the photos, what is missing, what was taught and what is in use, as JSON for the page."""
        photos, path = self.folder.photos(), str(self.folder.path)
        return {
            "folder": path,
            "command": f"handshape train {quote(path)} --signer {quote(SIGNER_PATTERN)}",
            "labels": [
                {"label": label, "photos": [self._photo_state(photo) for photo in own]}
                for label, own in photos_by_label(photos).items()
            ],
            "signers": sorted({photo.signer for photo in photos if photo.signer}),
            "missing": missing_photos(photos),
            "taught": self._taught_state(),
            "started_with": self._started is not None,
            "in_use": self._in_use(),
        }

    def _photo_state(self, photo: TeachPhoto) -> dict[str, Any]:
        return {"name": photo.name, "signer": photo.signer, "hand": self._landmarks.has_hand(photo)}

    def _taught_state(self) -> dict[str, Any] | None:
        if self._taught is None:
            return None
        config = self._taught.recogniser.config
        return {
            "bundle": str(self.bundle),
            "labels": list(config.labels),
            "sentence": config.figures.get("sentence", ""),
            "figures": config.figures,
            "stale": config.trained_on.get("album") != self.folder.fingerprint(),
        }

    def _in_use(self) -> Which | None:
        recogniser = self._queue.recogniser
        return None if recogniser is None else "taught" if recogniser is self._taught else "started"

    def _load_taught(self) -> LoadedRecogniser | None:
        try:
            return load_for_serving(self.bundle) if self.bundle.is_dir() else None
        except HandshapeError:  # of another version, or damaged; the photos are still there
            return None


def missing_photos(photos: list[TeachPhoto]) -> str:
    """Return what has to be done before training, or nothing."""
    counts = {label: len(own) for label, own in photos_by_label(photos).items()}
    if len(counts) < 2:
        return "take photos of two signs or more"
    few = [label for label, count in counts.items() if count < LEAST_PHOTOS]
    return f"take at least {LEAST_PHOTOS} photos of {', '.join(few)}" if few else ""
