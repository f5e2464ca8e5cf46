"""Features of photos, extracted beside the collecting."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from handshape.data.augment import Views
from handshape.data.image import decode_image
from handshape.data.prepared import HeldImages, content_digest
from handshape.errors import HandshapeError
from handshape.features.extract import Extractor, features_of
from handshape.models.backbone import Backbone
from handshape.serve.album import Album, Photo

_PLACES = 4  # of the default head
_AT_ONCE = 32  # photos that are held in memory


class Features:
    """Extracts features beside the collecting, so that training finds them in the store.

    Args:
        album: The photos.
        backbone: Gives the backbone, once there is a photo to show it.
        store: The store's folder.
    """

    def __init__(self, album: Album, backbone: Callable[[], Backbone], store: Path) -> None:
        self._album, self._backbone, self._store = album, backbone, store
        self._done: set[str] = set()
        self._wake = threading.Event()
        self._wake.set()  # for the photos of earlier days
        threading.Thread(target=self._work, name="teach-features", daemon=True).start()

    def come(self) -> None:
        """Say that there is a new photo."""
        self._wake.set()

    def _work(self) -> None:
        torch.set_num_threads(1)  # the threads that read frames have the other cores
        while self._wake.wait():
            self._wake.clear()
            new = [p for p in self._album.photos() if f"{p.label}/{p.name}" not in self._done]
            for start in range(0, len(new), _AT_ONCE):
                self._extract(new[start : start + _AT_ONCE])

    def _extract(self, photos: list[Photo]) -> None:
        backbone = self._backbone()
        images, digests = [], []
        for photo in photos:
            self._done.add(f"{photo.label}/{photo.name}")
            try:
                data = self._album.path(photo.label, photo.name).read_bytes()
                images.append(backbone.preprocessing.prepare(decode_image(data)[0]))
                digests.append(content_digest(data))
            except (HandshapeError, OSError):
                continue  # taken out meanwhile, or damaged: training says so
        if images:
            extractor = Extractor(backbone, _PLACES, Views(), torch.device("cpu"))
            held = HeldImages(np.stack(images), np.arange(len(images)))
            features_of(extractor, held, digests, self._store)
