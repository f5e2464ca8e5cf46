"""Threads that read photos: a bounded queue, and batches of what is waiting."""

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

from handshape.errors import BusyError
from handshape.serve.photo import decode_photo
from handshape.serve.reader import Reader

BATCH = 16


@dataclass(frozen=True)
class Reading:
    """What was read in one photo.

    Args:
        label: The most probable label, or ``unsure``.
        probability: Of the most probable label, in [0, 1].
        sure: Whether that reaches the recogniser's threshold.
        top: The most probable labels with their probabilities, best first.
        milliseconds: From the photo's arrival to its reading.
        model: Digest of the recogniser that read it.
    """

    label: str
    probability: float
    sure: bool
    top: tuple[tuple[str, float], ...]
    milliseconds: float
    model: str


@dataclass(eq=False)
class _Job:
    data: bytes
    mirrored: bool
    start: float = field(default_factory=time.perf_counter)
    future: "Future[Reading]" = field(default_factory=Future)


class Engine:
    """Reads photos with a recogniser that can be exchanged while it runs.

    Each thread takes its share of what is waiting, decodes it and reads it as one batch. So a lone photo
    never waits for company, and under load batches grow by themselves.

    Args:
        reader: The recogniser to start with.
        threads: Threads; 0 for one per core.
        waiting: Photos that may wait.
        batch: Most photos that are read at once.
    """

    def __init__(self, reader: Reader, *, threads: int = 0, waiting: int = 256, batch: int = BATCH) -> None:
        self._reader, self._waiting, self._batch = reader, waiting, batch
        self._jobs: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self.on_batch: Callable[[int, float], None] = lambda photos, seconds: None  # for whoever counts
        self.photos = 0
        self._threads = [
            threading.Thread(target=self._work, name=f"reader-{number}", daemon=True)
            for number in range(threads or os.cpu_count() or 1)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def reader(self) -> Reader:
        """The recogniser in use."""
        return self._reader

    def use(self, reader: Reader) -> None:
        """Read with another recogniser from the next batch on."""
        self._reader = reader

    @property
    def depth(self) -> int:
        """How many photos are waiting."""
        return len(self._jobs)

    @property
    def ready(self) -> bool:
        """Whether photos are being read."""
        return not self._closing and all(thread.is_alive() for thread in self._threads)

    def submit(self, photos: Sequence[bytes], *, mirrored: bool = False) -> "list[Future[Reading]]":
        """Ask for photos to be read.

        Args:
            photos: N image files' bytes.
            mirrored: Whether they are mirror images, to be flipped before they are read.

        Returns:
            N futures; each gives a reading or raises an `ImageError`. One cancelled in time is not read.

        Raises:
            BusyError: So many photos are waiting that these do not fit, or the engine is closed.
        """
        jobs = [_Job(photo, mirrored) for photo in photos]
        with self._changed:
            if self._closing or len(self._jobs) + len(jobs) > self._waiting:
                raise BusyError(
                    f"{len(self._jobs)} photos are waiting",
                    f"at most {self._waiting}",
                    "try again in a second",
                )
            self._jobs.extend(jobs)
            self._changed.notify(len(jobs))
        return [job.future for job in jobs]

    def close(self) -> None:
        """Stop reading; photos that still wait are given up."""
        with self._changed:
            self._closing = True
            for job in self._jobs:
                job.future.cancel()
            self._jobs.clear()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        # Each photo is computed by one thread: side by side they use the cores better than together.
        torch.set_num_threads(1)
        while jobs := self._take():
            self._read([job for job in jobs if job.future.set_running_or_notify_cancel()])

    def _take(self) -> list[_Job]:
        with self._changed:
            while not self._jobs and not self._closing:
                self._changed.wait()
            share = -(-len(self._jobs) // len(self._threads))
            return [self._jobs.popleft() for _ in range(min(share, self._batch, len(self._jobs)))]

    def _read(self, jobs: list[_Job]) -> None:
        reader = self._reader
        prepare = reader.recogniser.config.network.preprocessing.prepare
        prepared: list[tuple[_Job, NDArray[np.uint8]]] = []
        for job in jobs:
            try:
                image = prepare(decode_photo(job.data))
                prepared.append((job, np.ascontiguousarray(image[:, ::-1]) if job.mirrored else image))
            except Exception as error:  # goes to whoever asked
                job.future.set_exception(error)
        if not prepared:
            return
        start = time.perf_counter()
        try:
            rows = reader.run(np.stack([image for _, image in prepared]))
        except Exception as error:
            for job, _ in prepared:
                job.future.set_exception(error)
            return
        self.photos += len(prepared)
        self.on_batch(len(prepared), time.perf_counter() - start)
        for (job, _), row in zip(prepared, rows, strict=True):
            job.future.set_result(_reading(reader, row, job.start))


def _reading(reader: Reader, row: NDArray[np.float32], start: float) -> Reading:
    answer = reader.recogniser.answer(row)
    sure = answer.probability >= reader.recogniser.config.threshold
    milliseconds = 1000 * (time.perf_counter() - start)
    return Reading(answer.label, answer.probability, sure, answer.top, round(milliseconds, 2), reader.digest)
