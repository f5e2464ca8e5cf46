"""Signs that are held for a moment in a video."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from handshape.models.hand.hand_finder import HandTracker
from handshape.recogniser import Recogniser
from handshape.types import Prediction

FRAMES_PER_SECOND = 10.0
"""Frames that are predicted of each second."""
# A sign is held if it is predicted for so many seconds; a shorter prediction is a movement between signs.
_HELD = 0.4
# A frame or two with another prediction do not end a sign: hands tremble and cameras blur.
_GRACE = 0.25


@dataclass(frozen=True)
class HeldSign:
    """A sign that is held in a video.

    Args:
        start: Seconds from the start of the video to the first frame that shows it.
        end: The same for the last one.
        prediction: Of its frames together: their mean probabilities.
    """

    start: float
    end: float
    prediction: Prediction


@dataclass(frozen=True)
class _Stretch:
    label: str
    start: float
    end: float
    rows: tuple[NDArray[np.float32], ...]


def find_held_signs(
    recogniser: Recogniser, frames: Iterable[tuple[float, NDArray[np.uint8]]]
) -> list[HeldSign]:
    """Return the signs that are held in a video, in order.

    Args:
        recogniser: Predicts each frame; frames whose prediction is unsure show no sign.
        frames: Seconds from the start and (H, W, 3) uint8 pixels of each frame, in order.

    Raises:
        ShapeError: A frame is not (H, W, 3) uint8.
    """
    return [
        HeldSign(one.start, one.end, recogniser.answer(np.mean(one.rows, axis=0)))
        for one in _stretches(recogniser, frames)
        if one.end - one.start >= _HELD
    ]


def _stretches(
    recogniser: Recogniser, frames: Iterable[tuple[float, NDArray[np.uint8]]]
) -> Iterator[_Stretch]:
    """Yield the stretches of time in which a label is predicted surely."""
    current: _Stretch | None = None
    since: _Stretch | None = None  # another sign, perhaps, since the current one was last predicted
    tracker = None if recogniser.hand_finder is None else HandTracker(recogniser.hand_finder)
    for time, pixels in frames:
        hand = None if tracker is None else tracker.find(pixels)
        row = recogniser.classify(pixels, hand)
        found = recogniser.answer(row, hand, top=1)
        if current is not None and found.sure and found.label == current.label:
            current, since = replace(current, end=time, rows=(*current.rows, row)), None
            continue
        if since is not None and found.sure and found.label == since.label:
            since = replace(since, end=time, rows=(*since.rows, row))
        else:
            since = _Stretch(found.label, time, time, (row,)) if found.sure else None
        if current is None or time - current.end > _GRACE:
            if current is not None:
                yield current
            current, since = since, None
    if current is not None:
        yield current
