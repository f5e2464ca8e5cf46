"""Hand landmarks of the photos taken on the page: found once, and cached for training."""

import threading
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from handshape.data.images.decode import decode_image
from handshape.data.images.prepared import InMemoryImages, content_digest
from handshape.errors import HandshapeError
from handshape.features.extract import Commits, Extractor
from handshape.features.hand_landmarks import landmark_extractor, landmarks_of
from handshape.models.hand.hand_finder import HandFinder
from handshape.models.heads import Pool
from handshape.serve.teach.photo_folder import PhotoFolder, TeachPhoto

LandmarkList = list[tuple[float, float]]
"""21 landmarks, x to the right and y down, as fractions of the photo's width and height."""

_DECIMALS = 4  # finer than a pixel
_BLOCK = 32  # photos in memory at once


class LandmarkFinder:
    """Finds hand landmarks: in new photos at once, in earlier ones on a thread in the background.

    Args:
        folder: The photos.
        cache: The cache, from which training reads the landmarks.
    """

    def __init__(self, folder: PhotoFolder, cache: Path) -> None:
        self._folder, self._cache = folder, cache
        self._lock = threading.Lock()
        self._landmarks: dict[str, LandmarkList | None] = {}
        self._has_hand: dict[TeachPhoto, bool] = {}
        self._wake = threading.Event()
        self._wake.set()  # for photos of earlier days
        threading.Thread(target=self._work, name="teach-landmarks", daemon=True).start()

    @cached_property
    def extractor(self) -> Extractor:
        """Finds landmarks and caches them."""
        return landmark_extractor(torch.device("cpu"))

    def add(self, photo: TeachPhoto, data: bytes) -> LandmarkList | None:
        """Find the landmarks of a new photo."""
        landmarks = self.find(data)
        self._has_hand[photo] = landmarks is not None
        self._wake.set()  # other programs may have added photos too
        return landmarks

    def has_hand(self, photo: TeachPhoto) -> bool | None:
        """Return whether a hand was found in a photo; ``None`` where it is not known yet."""
        return self._has_hand.get(photo)

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
        backbone = self.extractor.backbone
        prepared = backbone.preprocessing.prepare(decode_image(data)[0])
        finder = backbone.body
        assert isinstance(finder, HandFinder)
        with torch.inference_mode():
            hands = finder.find(backbone.preprocessing.normalise(torch.from_numpy(prepared)[None]))
            rows = Pool(1, 1, 1)(finder.to_rows(hands)).flatten(1).half().numpy()
        # Training finds them in the cache as if the extractor had computed them.
        commits = Commits(self.extractor.table(self._cache), 0)
        commits.add([digest], rows)
        commits.now()
        if not hands.found[0]:
            return None
        return [(round(x, _DECIMALS), round(y, _DECIMALS)) for x, y, _ in hands.points[0].tolist()]

    def _work(self) -> None:
        torch.set_num_threads(1)  # leave the other cores to the threads that predict frames
        while self._wake.wait():
            self._wake.clear()
            new = [photo for photo in self._folder.photos() if photo not in self._has_hand]
            for start in range(0, len(new), _BLOCK):
                self._find_all(new[start : start + _BLOCK])

    def _find_all(self, photos: list[TeachPhoto]) -> None:
        images, digests, opened = [], [], []
        for photo in photos:
            try:
                data = self._folder.find(photo.label, photo.name).read_bytes()
                images.append(self.extractor.backbone.preprocessing.prepare(decode_image(data)[0]))
            except (HandshapeError, OSError):
                continue  # removed meanwhile, or damaged, which training reports
            digests.append(content_digest(data))
            opened.append(photo)
        if opened:
            rows, _ = landmarks_of(self.extractor, InMemoryImages(np.stack(images)), digests, self._cache)
            self._has_hand.update({photo: bool(row.any()) for photo, row in zip(opened, rows, strict=True)})
