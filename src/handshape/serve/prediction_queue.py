"""A bounded queue of photos, and worker threads that predict them in batches."""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from handshape.errors import BusyError, NoRecogniserError
from handshape.serve.loaded_recogniser import LoadedRecogniser
from handshape.serve.photo import decode_photo, is_large
from handshape.types import Prediction

BATCH = 8  # larger batches are no faster on a CPU, and delay the first photo of a batch

Predicted = tuple[Prediction, str]
"""A prediction with the digest of the recogniser that made it."""


@dataclass(eq=False)
class _Job:
    data: bytes
    mirrored: bool
    future: "Future[Predicted]" = field(default_factory=Future)


class PredictionQueue:
    """Predicts photos with a recogniser that can be exchanged while the queue runs.

    Each thread takes its share of the waiting photos, decodes them and predicts them as one batch: a single
    photo never waits for others, and batches grow with the load. Large photos take seconds and up to a
    gigabyte each, so a thread of their own predicts them one at a time.

    Args:
        recogniser: The recogniser to start with; ``None`` where one is still to be taught.
        threads: Threads for ordinary photos; 0 for one per core.
        limit: Photos that may wait.
    """

    def __init__(self, recogniser: LoadedRecogniser | None, *, threads: int = 0, limit: int = 256) -> None:
        self.recogniser, self._limit = recogniser, limit
        self._jobs, self._large_jobs = deque[_Job](), deque[_Job]()
        self._changed = threading.Condition()
        self._closing = False
        self.on_batch: Callable[[int, float], None] = lambda photos, seconds: None
        self.predicted = 0
        count = threads or os.cpu_count() or 1
        self._threads = [
            threading.Thread(target=self._work, args=(count,), daemon=True) for _ in range(count)
        ]
        self._threads.append(threading.Thread(target=self._work_large, daemon=True))
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

    def submit(self, photos: Sequence[bytes], *, mirrored: bool = False) -> "list[Future[Predicted]]":
        """Queue photos.

        Args:
            photos: N image files' bytes.
            mirrored: Whether they are mirror images, to be flipped before they are predicted.

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
        jobs = [_Job(photo, mirrored) for photo in photos]
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

    def _work(self, workers: int) -> None:
        # One thread a photo: threads side by side use the cores better than together on one photo.
        torch.set_num_threads(1)
        while jobs := self._take(self._jobs, lambda waiting: min(BATCH, -(-waiting // workers))):
            started = [job for job in jobs if job.future.set_running_or_notify_cancel()]
            large = [job for job in started if is_large(job.data)]
            if large:
                with self._changed:
                    self._large_jobs.extend(large)
                    self._changed.notify_all()
            self._predict([job for job in started if job not in large])

    def _work_large(self) -> None:
        torch.set_num_threads(1)
        while jobs := self._take(self._large_jobs, lambda waiting: 1):
            self._predict(jobs)

    def _take(self, jobs: deque[_Job], share: Callable[[int], int]) -> list[_Job]:
        with self._changed:
            while not jobs and not self._closing:
                self._changed.wait()
            return [jobs.popleft() for _ in range(min(share(len(jobs)), len(jobs)))]

    def _predict(self, jobs: list[_Job]) -> None:
        recogniser = self.recogniser
        assert recogniser is not None  # submit refuses photos before
        decoded: list[tuple[_Job, NDArray[np.uint8]]] = []
        for job in jobs:
            try:
                image = recogniser.prepare(decode_photo(job.data))
                decoded.append((job, np.ascontiguousarray(image[:, ::-1]) if job.mirrored else image))
            except Exception as error:  # raised again by the future
                job.future.set_exception(error)
        if not decoded:
            return
        start = time.perf_counter()
        try:
            rows = recogniser.run([image for _, image in decoded])
        except Exception as error:
            for job, _ in decoded:
                job.future.set_exception(error)
            return
        self.predicted += len(decoded)
        self.on_batch(len(decoded), time.perf_counter() - start)
        for (job, _), row in zip(decoded, rows, strict=True):
            job.future.set_result((recogniser.recogniser.answer(row), recogniser.digest))

    def _busy(self) -> BusyError:
        return BusyError(
            f"{self.waiting} photos are waiting", f"at most {self._limit}", "try again in a second"
        )
