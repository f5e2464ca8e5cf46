"""The hand in a photo: found as the photo comes in, and its landmarks kept for training."""

import threading
from functools import cached_property
from pathlib import Path

import torch

from handshape.data.images.decode import decode_image
from handshape.data.images.prepared import content_digest
from handshape.features.extract import Commits, Extractor
from handshape.features.hand_landmarks import landmark_extractor
from handshape.models.hand.hand_finder import HandFinder
from handshape.models.heads import Pool

Points = list[tuple[float, float]]
"""21 landmarks, x to the right and y down, in shares of the photo's sides."""

_EXACT = 4  # decimals of a landmark: less than a pixel


class Hands:
    """Finds hands, one photo at a time.

    Args:
        store: The feature store's folder.
    """

    def __init__(self, store: Path) -> None:
        self._store, self._lock = store, threading.Lock()
        self._known: dict[str, Points | None] = {}

    @cached_property
    def extractor(self) -> Extractor:
        """What makes features of landmarks."""
        return landmark_extractor(torch.device("cpu"))

    def look(self, data: bytes) -> Points | None:
        """Find the hand in a photo.

        Args:
            data: Content of an image file.

        Returns:
            Its landmarks; ``None`` where there is no hand.

        Raises:
            ImageError: The photo cannot be read.
        """
        digest = content_digest(data)
        with self._lock:
            if digest not in self._known:
                self._known[digest] = self._find(data, digest)
            return self._known[digest]

    def _find(self, data: bytes, digest: str) -> Points | None:
        backbone = self.extractor.backbone
        prepared = backbone.preprocessing.prepare(decode_image(data)[0])
        finder = backbone.body
        assert isinstance(finder, HandFinder)
        with torch.inference_mode():
            images = backbone.preprocessing.normalise(torch.from_numpy(prepared)[None])
            hands = finder.find(images)
            rows = Pool(1, 1, 1)(finder.to_rows(hands)).flatten(1).half().numpy()
        # Training finds them in the store, as if the extractor had made them.
        commits = Commits(self.extractor.table(self._store), 0)
        commits.add([digest], rows)
        commits.now()
        if not hands.found[0]:
            return None
        return [(round(x, _EXACT), round(y, _EXACT)) for x, y, _ in hands.points[0].tolist()]
