"""Predict indexed photos, whose prepared pixels and hands are in the cache. No torch."""

import numpy as np
from numpy.typing import NDArray

from handshape.data.images.index import ImageIndex
from handshape.data.images.prepared import read_batch
from handshape.data.images.workers import in_order, workers
from handshape.progress import track
from handshape.recogniser import Recogniser
from handshape.types import HandRows


def predict_indexed(
    recogniser: Recogniser,
    indexed: ImageIndex,
    indices: NDArray[np.int64],
    hands: HandRows | None,
    *,
    mirrored: bool = False,
) -> NDArray[np.float32]:
    """Return a recogniser's (N, K) probabilities of N indexed photos, or of their mirror images.

    Args:
        recogniser: The recogniser.
        indexed: The photos.
        indices: (N,) int64, which of them.
        hands: Of all indexed photos, for recognisers that use landmarks.
        mirrored: Whether to predict mirror images.
    """

    def one(index: np.int64) -> NDArray[np.float32]:
        image, hand = read_batch(indexed.images, [int(index)]), None
        if hands is not None:
            hand = hands.take(np.array([index]))
            hand = hand.mirrored() if mirrored else hand
        return recogniser.classify_prepared(image[:, :, ::-1] if mirrored else image, hand)

    rows: list[NDArray[np.float32]] = []
    task = "Predicting mirror images" if mirrored else "Predicting"
    with track(task, len(indices)) as advance, workers() as pool:
        for row in in_order(pool, one, indices, 4):
            rows.append(row)
            advance(1)
    return np.concatenate(rows)
