"""Load on ``handshape serve`` beside the bare loop that a programmer would write, on the same photos.

Run ``python benchmarks/serve.py BUNDLE PHOTOS [--seconds 60] [--clients 32]``. Server, clients and loops
share this machine's cores; the server is one process, the clients are another, each with its next photo ready
before its answer comes. Loops run before and after the load, and the mean of both counts. Photos come
from memory; at most 256, seed 0. Memory is the server's resident set, every second. On a machine with other
work, compare the processor time of a photo rather than the rate.
"""

import argparse
import asyncio
import os
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import cast

import numpy as np
import uvloop

from handshape.data.images.decode import decode_image
from handshape.serve.loaded_recogniser import LoadedRecogniser, load_for_serving
from handshape.threads import threads

PHOTOS = 256
_PORTION = 8  # photos between two looks at the clock


def read_photos(folder: Path) -> list[bytes]:
    """Read photos of all labels in a random order."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    random.Random(0).shuffle(paths)
    return [path.read_bytes() for path in paths[:PHOTOS]]


@dataclass(frozen=True)
class Speed:
    """How fast photos were predicted.

    Args:
        rate: Photos a second.
        cost: Milliseconds of processor time a photo.
    """

    rate: float
    cost: float


def at_best(loaded: LoadedRecogniser, photos: Sequence[bytes], seconds: float) -> Speed:
    """Photos a second of a thread for each core, each predicting one photo after the other."""

    def predict(batch: Sequence[bytes]) -> None:
        for photo in batch:
            loaded.run(decode_image(photo)[0], None)

    return _rate(predict, photos, seconds, threads=threads())


def _rate(
    predict: Callable[[Sequence[bytes]], None], photos: Sequence[bytes], seconds: float, *, threads: int
) -> Speed:
    def loop(own: Sequence[bytes]) -> int:
        done = 0
        for start in cycle(range(0, len(own), _PORTION)):
            batch = own[start : start + _PORTION]
            predict(batch)
            done += len(batch)
            if time.perf_counter() >= end:
                break
        return done

    predict(photos[:_PORTION])
    start, used = time.perf_counter(), time.process_time()
    end = start + seconds
    with ThreadPoolExecutor(threads) as pool:
        done = sum(pool.map(loop, [photos[number::threads] for number in range(threads)]))
    return Speed(done / (time.perf_counter() - start), 1000 * (time.process_time() - used) / done)


def processor_seconds(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Client(asyncio.Protocol):
    """Sends one photo after the other and times the answers.

    Args:
        requests: Requests as they go over the wire, without end.
        end: When to stop, on the loop's clock.
        times: Seconds of each answer go in here.
        failures: Status lines other than 200 go in here.
    """

    def __init__(
        self, requests: Iterator[bytes], end: float, times: list[float], failures: list[bytes]
    ) -> None:
        self._requests, self._end, self._times, self._failures = requests, end, times, failures
        self._loop = asyncio.get_running_loop()
        self._answer = b""
        self.done: asyncio.Future[None] = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first photo."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one, but does not say so
        self._next()

    def _next(self) -> None:
        self._start = self._loop.time()
        if self._start >= self._end:
            self._transport.close()
            return
        self._transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        """Time a whole answer and send the next photo."""
        self._answer += data
        head, found, body = self._answer.partition(b"\r\n\r\n")
        if not found:
            return
        length = re.search(rb"content-length: (\d+)", head)
        if length is None or len(body) < int(length[1]):
            return
        self._times.append(self._loop.time() - self._start)
        if not head.startswith(b"HTTP/1.1 200"):
            self._failures.append(head.split(b"\r\n")[0])
        self._answer = b""
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        """End: this client is done, or was disconnected."""
        if self._loop.time() < self._end:
            self._failures.append(b"connection lost")
        self.done.set_result(None)


async def load(port: int, photos: Sequence[bytes], clients: int, seconds: float) -> tuple[list[float], int]:
    """Load a server and return the seconds of each answer and the number of failures."""
    head = "POST /v1/predict HTTP/1.1\r\nhost: 127.0.0.1:{}\r\ncontent-type: image/jpeg\r\ncontent-length: {}"
    wire = [(head + "\r\n\r\n").format(port, len(photo)).encode() + photo for photo in photos]
    loop = asyncio.get_running_loop()
    end, times, failures = loop.time() + seconds, list[float](), list[bytes]()
    opened = [
        await loop.create_connection(
            lambda number=number: Client(cycle(wire[number:] + wire[:number]), end, times, failures),  # type: ignore[misc]
            "127.0.0.1",
            port,
        )
        for number in range(clients)
    ]
    await asyncio.gather(*(client.done for _, client in opened))
    return times, len(failures)


class Memory(threading.Thread):
    """Notes a process's resident megabytes every second, without and with its child processes."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid = pid
        self.megabytes: list[float] = []
        self.with_children: list[float] = []

    def run(self) -> None:
        """Look until the process ends."""
        while (own := resident(self.pid)) is not None:
            lists = Path(f"/proc/{self.pid}/task").glob("*/children")
            children = [resident(int(pid)) or 0 for one in lists for pid in _read(one).split()]
            self.megabytes.append(own)
            self.with_children.append(own + sum(children))
            time.sleep(1)


def resident(pid: int) -> float | None:
    """Return a process's resident megabytes; None where it has ended."""
    found = re.search(r"VmRSS:\s+(\d+) kB", _read(Path(f"/proc/{pid}/status")))
    return int(found[1]) / 1000 if found else None


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""


@contextmanager
def serving(*words: str) -> Iterator[tuple[subprocess.Popen[str], int, Memory]]:
    """Run ``handshape serve``; yield its process, its port, and what watches its memory."""
    program = "import sys; from handshape.cli import main; sys.argv[0] = 'handshape'; main()"
    command = [sys.executable, "-c", program, "serve", *words, "--no-open", "--port", "0"]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    assert server.stderr is not None
    try:
        found = re.search(r":(\d+)/", next(line for line in server.stderr if "Serving at" in line))
        assert found is not None
        memory = Memory(server.pid)
        memory.start()
        yield server, int(found[1]), memory
    finally:
        server.terminate()
        server.wait()


def main(options: argparse.Namespace) -> None:
    """Print the table."""
    photos = read_photos(options.photos)
    with serving(str(options.bundle)) as (_, port, memory):
        _report(options, photos, port, memory)


def _report(options: argparse.Namespace, photos: Sequence[bytes], port: int, memory: Memory) -> None:
    loaded = load_for_serving(options.bundle)
    loops: dict[str, Callable[[], Speed]] = {"at best": lambda: at_best(loaded, photos, options.loop_seconds)}
    before = [loop() for loop in loops.values()]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(load(port, photos, options.clients, 3))  # warm
        start, server, clients = len(memory.megabytes), processor_seconds(memory.pid), time.process_time()
        times, failures = runner.run(load(port, photos, options.clients, options.seconds))
        server, clients = processor_seconds(memory.pid) - server, time.process_time() - clients
    after = [loop() for loop in loops.values()]
    rate = len(times) / options.seconds
    p50, p99 = 1000 * np.quantile(times, [0.5, 0.99])
    print(f"{len(photos)} photos, {options.clients} clients, {options.seconds:g} s")
    print(f"{rate:.1f} photos/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms, {len(times)} answers, {failures} failed")
    costs = 1000 * np.array([server, clients]) / len(times)
    print(f"processor time a photo: server {costs[0]:.2f} ms, clients {costs[1]:.2f} ms")
    for name, *both in zip(loops, before, after, strict=True):
        mean = float(np.mean([speed.rate for speed in both]))
        cost = float(np.mean([speed.cost for speed in both]))
        rates = " and ".join(f"{speed.rate:.1f}" for speed in both)
        print(f"bare loop, {name}: {rates} photos/s, {cost:.2f} ms of processor time a photo")
        print(f"  ratio of rates {rate / mean:.2f}; bare to served processor time {cost / costs.sum():.2f}")
    used = np.array(memory.megabytes[start : start + int(options.seconds)])
    tenth = max(1, len(used) // 10)
    ends = f"{used[:tenth].mean():.0f} MB in the first tenth, {used[-tenth:].mean():.0f} MB in the last"
    print(f"server's memory: {ends}; {used.min():.0f} to {used.max():.0f} MB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--loop-seconds", type=float, default=10)
    parser.add_argument("--clients", type=int, default=32)
    main(parser.parse_args())
