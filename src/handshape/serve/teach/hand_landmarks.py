"""Hand landmarks of the photos taken on the page: found once, and cached for training."""

import threading
import time
from concurrent.futures import CancelledError
from functools import partial
from pathlib import Path

from handshape.data.images.decode import decode_image
from handshape.data.images.prepared import content_digest
from handshape.errors import BusyError, HandshapeError
from handshape.features.hand_landmarks import HandCache
from handshape.serve.prediction_queue import PredictionQueue
from handshape.serve.teach.photo_folder import PhotoFolder, TeachPhoto

LandmarkList = list[tuple[float, float]]
"""21 landmarks, x to the right and y down, as fractions of the photo's width and height."""

_DECIMALS = 4  # finer than a pixel
_BUSY_SECONDS = 1.0


class LandmarkFinder:
    """Finds hand landmarks: in new photos at once, in earlier ones on a thread in the background.

    Args:
        folder: The photos.
        cache: The cache, from which training reads the landmarks.
        queue: Decodes earlier photos in their turn.
    """

    def __init__(self, folder: PhotoFolder, cache: Path, queue: PredictionQueue) -> None:
        self._folder, self._cache, self._queue = folder, HandCache(cache), queue
        self._lock = threading.Lock()
        self._landmarks: dict[str, LandmarkList | None] = {}
        self._of_photos: dict[TeachPhoto, LandmarkList | None] = {}
        self._wake = threading.Event()
        self._wake.set()  # for photos of earlier days
        threading.Thread(target=self._work, name="teach-landmarks", daemon=True).start()

    def add(self, photo: TeachPhoto, data: bytes) -> LandmarkList | None:
        """Find the landmarks of a new photo."""
        landmarks = self.find(data)
        self._of_photos[photo] = landmarks
        self._wake.set()  # other programs may have added photos too
        return landmarks

    def has_hand(self, photo: TeachPhoto) -> bool | None:
        """Return whether a hand was found in a photo; ``None`` where it is not known yet."""
        return None if photo not in self._of_photos else self._of_photos[photo] is not None

    def of_photo(self, photo: TeachPhoto) -> LandmarkList | None:
        """Return the landmarks of a photo; ``None`` where there is no hand, or it is not known yet."""
        return self._of_photos.get(photo)

    def save(self) -> None:
        """Write what was found into the cache."""
        self._cache.commit()

    def find(self, data: bytes) -> LandmarkList | None:
        """Find the landmarks in an image file's bytes; ``None`` where there is no hand.

        Raises:
            ImageError: The image is damaged.
        """
        digest = content_digest(data)
        with self._lock:
            if digest not in self._landmarks:
                self._landmarks[digest] = self._find(data, digest)
            return self._landmarks[digest]

    def _find(self, data: bytes, digest: str) -> LandmarkList | None:
        pixels = decode_image(data)[0]
        hand = self._cache.find(digest, pixels)
        if not hand.found:
            return None
        height, width = pixels.shape[:2]
        longer = max(height, width)
        return [
            (round(float(x) * longer / width, _DECIMALS), round(float(y) * longer / height, _DECIMALS))
            for x, y, _ in hand.points
        ]

    def _work(self) -> None:
        while self._wake.wait():
            self._wake.clear()
            for photo in self._folder.photos():
                if photo in self._of_photos:
                    continue
                try:
                    data = self._folder.read(photo.label, photo.name)
                    self._of_photos[photo] = self._queue.run(data, partial(self.find, data)).result()
                except BusyError:
                    time.sleep(_BUSY_SECONDS)
                    self._wake.set()  # for the photos that were passed over
                except (HandshapeError, OSError, CancelledError):
                    continue  # removed meanwhile, or damaged, which the page and training report
