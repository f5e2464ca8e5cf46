"""Hand landmarks of photos: found once and cached like the features of a backbone."""

from collections.abc import Sequence
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from handshape.data.augment import Views
from handshape.data.images.prepared import PreparedImages
from handshape.features.extract import Extractor, features_of
from handshape.models.backbones.registry import Backbone
from handshape.models.hand.hand_finder import (
    LANDMARK_WIDTH,
    METHOD,
    PREPROCESSING,
    HandFinder,
    load_hand_finder,
)

LandmarkRows = tuple[NDArray[np.float32], NDArray[np.bool_]]
"""(N, 63) float32 normalised landmarks, 0 where no hand was found, and (N,) bool, whether of a right hand."""


class _FinderAsBackbone(Backbone):
    """The hand finder, in the form that the extractor takes."""

    task = "Finding hands"

    @cached_property
    def digest(self) -> str:
        """Stands for the weights and for how they are used."""
        return blake2b(f"{super().digest} {METHOD}".encode(), digest_size=16).hexdigest()


def landmark_extractor(device: torch.device, finder: HandFinder | None = None) -> Extractor:
    """Return what finds hand landmarks in prepared images and caches them."""
    body = finder or load_hand_finder()
    return Extractor(_FinderAsBackbone("landmarks", body, PREPROCESSING, "handshape"), 1, Views(), device)


def landmarks_of(
    extractor: Extractor, images: PreparedImages, digests: Sequence[str], cache: Path, *, view: int = 0
) -> LandmarkRows:
    """Return the landmarks of every image, found where they are not in the cache yet.

    Args:
        extractor: From `landmark_extractor`.
        images: N prepared images.
        digests: N content digests.
        cache: The cache's folder.
        view: 0 for the photo itself, `MIRRORED` for its mirror image.
    """
    stored = features_of(extractor, images, digests, cache, view=view)
    rows = stored.reshape(len(stored), -1).astype(np.float32)
    return rows[:, :LANDMARK_WIDTH], rows[:, LANDMARK_WIDTH] > 0.5
