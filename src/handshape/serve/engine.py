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

from handshape.errors import BusyError, NoRecogniserError
from handshape.serve.photo import decode_photo, is_large
from handshape.serve.reader import Reader, Reading

BATCH = 8  # more are no faster on a CPU, and make the first of them wait


@dataclass(eq=False)
class _Job:
    data: bytes
    mirrored: bool
    start: float = field(default_factory=time.perf_counter)
    future: "Future[Reading]" = field(default_factory=Future)


class Engine:
    """Reads photos with a recogniser that can be exchanged while it runs.

    Each thread takes its share of what is waiting, decodes it and reads it as one batch. So a lone photo
    never waits for company, and under load batches grow by themselves. Large photos take seconds and up to a
    gigabyte each; they are passed on to a thread of their own, which reads them one at a time.

    Args:
        reader: The recogniser to start with; ``None`` where one is still to be taught.
        threads: Threads for ordinary photos; 0 for one per core.
        waiting: Photos that may wait.
        batch: Most photos that are read at once.
    """

    def __init__(
        self, reader: Reader | None, *, threads: int = 0, waiting: int = 256, batch: int = BATCH
    ) -> None:
        self._reader, self._waiting, self._batch = reader, waiting, batch
        self._jobs, self._large = deque[_Job](), deque[_Job]()
        self._changed = threading.Condition()
        self._closing = False
        self.on_batch: Callable[[int, float], None] = lambda photos, seconds: None  # for whoever counts
        self.photos = 0
        count = threads or os.cpu_count() or 1
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(count)]
        self._threads.append(threading.Thread(target=self._work_large, daemon=True))
        for thread in self._threads:
            thread.start()

    @property
    def reader(self) -> Reader | None:
        """The recogniser in use, if there is one yet."""
        return self._reader

    def use(self, reader: Reader) -> None:
        """Read with another recogniser from the next batch on."""
        self._reader = reader

    @property
    def depth(self) -> int:
        """How many photos are waiting."""
        return len(self._jobs) + len(self._large)

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
            NoRecogniserError: There is nothing to read with yet.
            BusyError: So many photos are waiting that these do not fit, or the engine is closed.
        """
        if self._reader is None:
            raise NoRecogniserError(
                "there is no recogniser yet",
                "one that was taught",
                "teach one on the page, or start with a bundle",
            )
        jobs = [_Job(photo, mirrored) for photo in photos]
        with self._changed:
            if self._closing or self.depth + len(jobs) > self._waiting:
                raise self._busy()
            self._jobs.extend(jobs)
            self._changed.notify_all()
        return [job.future for job in jobs]

    def close(self) -> None:
        """Stop reading; photos that still wait are given up."""
        with self._changed:
            self._closing = True
            for job in (*self._jobs, *self._large):
                if not job.future.cancel():
                    job.future.set_exception(self._busy())
            self._jobs.clear()
            self._large.clear()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        # Each photo is computed by one thread: side by side they use the cores better than together.
        torch.set_num_threads(1)
        readers = len(self._threads) - 1
        while jobs := self._take(self._jobs, lambda waiting: min(self._batch, -(-waiting // readers))):
            started = [job for job in jobs if job.future.set_running_or_notify_cancel()]
            large = [job for job in started if is_large(job.data)]
            if large:
                with self._changed:
                    self._large.extend(large)
                    self._changed.notify_all()
            self._read([job for job in started if job not in large])

    def _work_large(self) -> None:
        torch.set_num_threads(1)
        while jobs := self._take(self._large, lambda waiting: 1):
            self._read(jobs)

    def _take(self, jobs: deque[_Job], share: Callable[[int], int]) -> list[_Job]:
        with self._changed:
            while not jobs and not self._closing:
                self._changed.wait()
            return [jobs.popleft() for _ in range(min(share(len(jobs)), len(jobs)))]

    def _read(self, jobs: list[_Job]) -> None:
        reader = self._reader
        assert reader is not None  # nothing is taken in before there is one
        decoded: list[tuple[_Job, NDArray[np.uint8]]] = []
        for job in jobs:
            try:
                image = reader.prepare(decode_photo(job.data))
                decoded.append((job, np.ascontiguousarray(image[:, ::-1]) if job.mirrored else image))
            except Exception as error:  # goes to whoever asked
                job.future.set_exception(error)
        if not decoded:
            return
        start = time.perf_counter()
        try:
            rows = reader.run([image for _, image in decoded])
        except Exception as error:
            for job, _ in decoded:
                job.future.set_exception(error)
            return
        now = time.perf_counter()
        self.photos += len(decoded)
        self.on_batch(len(decoded), now - start)
        for (job, _), row in zip(decoded, rows, strict=True):
            job.future.set_result(reader.reading(row, round(1000 * (now - job.start), 2)))

    def _busy(self) -> BusyError:
        return BusyError(
            f"{self.depth} photos are waiting", f"at most {self._waiting}", "try again in a second"
        )
