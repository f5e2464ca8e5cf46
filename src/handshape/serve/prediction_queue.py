"""A bounded queue of photos, and the worker threads that decode and predict them."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from handshape.errors import BusyError, NoRecogniserError
from handshape.models.hand.hand_finder import HandTracker
from handshape.serve.loaded_recogniser import LoadedRecogniser
from handshape.serve.photo import decode_photo, is_large
from handshape.threads import threads
from handshape.types import HandLandmarks, Prediction

_T = TypeVar("_T")
Point = tuple[float, float]


class Predicted(NamedTuple):
    """What was predicted of a photo.

    Args:
        prediction: The prediction.
        model: Digest of the recogniser that made it.
        hand: 21 landmarks, x to the right and y down, as fractions of the photo's width and height; None
            where no hand was found, or none was looked for.
    """

    prediction: Prediction
    model: str
    hand: list[Point] | None = None


class Tracker:
    """Follows the hand through the frames of a stream, whichever recogniser predicts them."""

    def __init__(self) -> None:
        self._by: tuple[str, HandTracker] | None = None

    def find(self, loaded: LoadedRecogniser, pixels: NDArray[np.uint8]) -> HandLandmarks | None:
        """Return the hand in the next frame; None for recognisers that do not use landmarks."""
        finder = loaded.recogniser.hand_finder
        if finder is None:
            return None
        if self._by is None or self._by[0] != loaded.digest:
            self._by = loaded.digest, HandTracker(finder)
        return self._by[1].find(pixels)


@dataclass(eq=False)
class _Job:
    data: bytes
    work: Callable[[], Any]
    future: "Future[Any]" = field(default_factory=Future)


class PredictionQueue:
    """Predicts photos with a recogniser that can be exchanged while the queue runs.

    Whatever the server decodes, it decodes here: each thread decodes one photo at a time, and large photos,
    which take seconds and much memory, one thread of their own.

    Args:
        recogniser: The recogniser to start with; ``None`` where one is still to be taught.
        limit: Photos that may wait.

    Attributes:
        much_memory: Held while a large photo is decoded, and while the server trains: both at once would need
            more memory than a small computer has.
    """

    def __init__(self, recogniser: LoadedRecogniser | None, *, limit: int = 256) -> None:
        self.recogniser, self._limit = recogniser, limit
        self._jobs, self._large_jobs = deque[_Job](), deque[_Job]()
        self._changed, self.much_memory = threading.Condition(), threading.Lock()
        self._closing = False
        self.on_photo: Callable[[float], None] = lambda seconds: None
        self.predicted = 0
        works = [self._work] * threads() + [self._work_large]
        self._threads = [threading.Thread(target=work, daemon=True) for work in works]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        """How many photos are waiting."""
        return len(self._jobs) + len(self._large_jobs)

    @property
    def running(self) -> bool:
        """Whether photos are being predicted."""
        return not self._closing and all(thread.is_alive() for thread in self._threads)

    def submit(
        self, photos: Sequence[bytes], *, mirrored: bool = False, tracker: Tracker | None = None
    ) -> "list[Future[Predicted]]":
        """Queue photos.

        Args:
            photos: N image files' bytes.
            mirrored: Whether they are mirror images, to be flipped before they are predicted.
            tracker: Of the stream whose next frame this is.

        Returns:
            N futures; each gives a prediction or raises an `ImageError`. One cancelled in time is skipped.

        Raises:
            NoRecogniserError: There is no recogniser yet.
            BusyError: The queue is too full for these photos, or closed.
        """
        if self.recogniser is None:
            raise NoRecogniserError(
                "there is no recogniser yet",
                "one that was taught",
                "teach one on the page, or start with a bundle",
            )
        jobs = [_Job(photo, partial(self._predicted, photo, mirrored, tracker)) for photo in photos]
        return self._add(jobs)

    def run(self, data: bytes, work: Callable[[], _T]) -> "Future[_T]":
        """Queue other work on a photo.

        Args:
            data: The image file's bytes, by whose header the photo is large or not.
            work: Decodes them.

        Raises:
            BusyError: The queue is full, or closed.
        """
        return self._add([_Job(data, work)])[0]

    def _add(self, jobs: list[_Job]) -> "list[Future[Any]]":
        with self._changed:
            if self._closing or self.waiting + len(jobs) > self._limit:
                raise self._busy()
            self._jobs.extend(jobs)
            self._changed.notify_all()
        return [job.future for job in jobs]

    def close(self) -> None:
        """Stop; photos that still wait are given up."""
        with self._changed:
            self._closing = True
            for job in (*self._jobs, *self._large_jobs):
                if not job.future.cancel():
                    job.future.set_exception(self._busy())
            self._jobs.clear()
            self._large_jobs.clear()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while job := self._take(self._jobs):
            if is_large(job.data):
                with self._changed:
                    self._large_jobs.append(job)
                    self._changed.notify_all()
            else:
                self._do(job)

    def _work_large(self) -> None:
        while job := self._take(self._large_jobs):
            with self.much_memory:
                self._do(job)

    def _take(self, jobs: deque[_Job]) -> _Job | None:
        with self._changed:
            while not jobs and not self._closing:
                self._changed.wait()
            return jobs.popleft() if jobs else None

    def _do(self, job: _Job) -> None:
        if not job.future.set_running_or_notify_cancel():
            return
        try:
            job.future.set_result(job.work())
        except Exception as error:  # raised again by the future
            job.future.set_exception(error)

    def _predicted(self, data: bytes, mirrored: bool, tracker: Tracker | None) -> Predicted:
        loaded = self.recogniser
        assert loaded is not None  # submit refuses photos before
        pixels = decode_photo(data)
        start = time.perf_counter()
        pixels = np.ascontiguousarray(pixels[:, ::-1]) if mirrored else pixels
        hand = tracker.find(loaded, pixels) if tracker else loaded.recogniser.find_hand(pixels)
        row = loaded.run(pixels, hand)
        self.predicted += 1
        self.on_photo(time.perf_counter() - start)
        return Predicted(
            loaded.recogniser.answer(row, hand), loaded.digest, _points(hand, pixels.shape, mirrored)
        )

    def _busy(self) -> BusyError:
        return BusyError(
            f"{self.waiting} photos are waiting", f"at most {self._limit}", "try again in a second"
        )


def _points(hand: HandLandmarks | None, shape: tuple[int, ...], mirrored: bool) -> list[Point] | None:
    """Return landmarks as fractions of the photo as it was sent."""
    if hand is None or not hand.found:
        return None
    height, width = shape[:2]
    longer = max(height, width)
    places = [(float(x) * longer / width, float(y) * longer / height) for x, y, _ in hand.points]
    return [(round(1 - x if mirrored else x, 4), round(y, 4)) for x, y in places]
