"""Features of photos, extracted beside the collecting."""

import threading
from pathlib import Path

import numpy as np
import torch

from handshape.data.images.decode import decode_image
from handshape.data.images.prepared import InMemoryImages, content_digest
from handshape.errors import HandshapeError
from handshape.features.extract import features_of
from handshape.serve.teach.album import Album, Photo
from handshape.serve.teach.hands import Hands

_AT_ONCE = 32  # photos that are held in memory


class Features:
    """Finds the hands of an album beside the collecting, so that training finds them in the store.

    Args:
        album: The photos.
        hands: Finds hands, and those of new photos as they come in.
        store: The store's folder.
    """

    def __init__(self, album: Album, hands: Hands, store: Path) -> None:
        self._album, self._hands, self._store = album, hands, store
        self._found: dict[Photo, bool] = {}
        self._wake = threading.Event()
        self._wake.set()  # for the photos of earlier days
        threading.Thread(target=self._work, name="teach-features", daemon=True).start()

    def come(self, photo: Photo, found: bool) -> None:
        """Say of a new photo whether there is a hand in it."""
        self._found[photo] = found
        self._wake.set()  # someone may have put others into the folder

    def found(self, photo: Photo) -> bool | None:
        """Return whether there is a hand in a photo; ``None`` where it was not looked for yet."""
        return self._found.get(photo)

    def _work(self) -> None:
        torch.set_num_threads(1)  # the threads that read frames have the other cores
        while self._wake.wait():
            self._wake.clear()
            new = [photo for photo in self._album.photos() if photo not in self._found]
            for start in range(0, len(new), _AT_ONCE):
                self._extract(new[start : start + _AT_ONCE])

    def _extract(self, photos: list[Photo]) -> None:
        extractor = self._hands.extractor
        images, digests, read = [], [], []
        for photo in photos:
            try:
                data = self._album.path(photo.label, photo.name).read_bytes()
                images.append(extractor.backbone.preprocessing.prepare(decode_image(data)[0]))
            except (HandshapeError, OSError):
                continue  # taken out meanwhile, or damaged: training says so
            digests.append(content_digest(data))
            read.append(photo)
        if read:
            held = InMemoryImages(np.stack(images))
            rows = features_of(extractor, held, digests, self._store)
            self._found.update({photo: bool(row.any()) for photo, row in zip(read, rows, strict=True)})
