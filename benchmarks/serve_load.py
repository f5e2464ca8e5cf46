"""Everything at once on ``handshape serve``: photos over HTTP and WebSocket, uploads to Teach, training, use.

Run ``python -m benchmarks.serve_load BUNDLE PHOTOS [--seconds 600] [--clients 64]``. Half of the clients
send photos, half frames, each the next one when it has its answer; where the server is busy they wait as
long as it says. Meanwhile photos are uploaded to Teach and removed, signs are taught, and both recognisers
are used in turn, and ``/healthz`` is asked five times a second. The server is a process of its own and shares
this machine's cores with the clients. Its memory is its resident set, without and with its child processes;
the load begins after the first training. At most 256 photos from the folder, seed 0.
"""

import argparse
import asyncio
import json
import re
import tempfile
import threading
import time
import urllib.request
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from websockets.asyncio.client import connect

from benchmarks.serve import Memory, read_photos, serving

_LABELS, _SIGNERS = ("wave", "fist"), ("Anna", "Ben")
_KEPT = 40  # photos in Teach


@dataclass
class Seen:
    """What the clients saw.

    Args:
        times: Seconds of each answered request, by kind.
        busy: How often a client was told to try again, by kind.
        failed: Other errors.
    """

    times: dict[str, list[float]] = field(default_factory=dict)
    busy: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)


class Client:
    """One connection that asks one thing after the other, and waits where the server is busy."""

    def __init__(self, port: int, seen: Seen) -> None:
        self._port, self._seen = port, seen
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(
        self, kind: str, method: str, path: str, body: bytes = b"", mime: str = "image/jpeg"
    ) -> Any:
        """Send a request until it is answered, and return the answer's JSON."""
        start = time.perf_counter()
        while True:
            status, wait, found = await self._once(method, path, body, mime)
            if status != 503:
                break
            self._seen.busy[kind] += 1
            await asyncio.sleep(wait)
        if status < 400:
            self._seen.times.setdefault(kind, []).append(time.perf_counter() - start)
        else:
            self._seen.failed[f"{kind}: {status} {found[:200]!r}"] += 1
        return json.loads(found) if found else None

    async def _once(self, method: str, path: str, body: bytes, mime: str) -> tuple[int, float, bytes]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {mime}\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", answer)
        found = await reader.readexactly(int(length[1])) if length else b""
        if b"connection: close" in answer:
            writer.close()
            self._streams = None
        wait = re.search(rb"retry-after: (\d+)", answer)
        return int(answer.split(b" ", 2)[1]), float(wait[1]) if wait else 1.0, found


async def predict(port: int, photos: Sequence[bytes], seen: Seen, first: int, end: float) -> None:
    """Send photos over HTTP."""
    client = Client(port, seen)
    for number in count(first):
        if time.perf_counter() >= end:
            return
        await client.ask("photo", "POST", "/v1/predict", photos[number % len(photos)])


async def stream(port: int, photos: Sequence[bytes], seen: Seen, first: int, end: float) -> None:
    """Send frames over a WebSocket."""
    async with connect(f"ws://127.0.0.1:{port}/v1/stream") as socket:
        for number in count(first):
            start = time.perf_counter()
            if start >= end:
                return
            await socket.send(photos[number % len(photos)])
            found = json.loads(await socket.recv())
            if found.get("code") == "busy":
                seen.busy["frame"] += 1
                await asyncio.sleep(1)
            elif "code" in found:
                seen.failed[f"frame: {found}"] += 1
            else:
                seen.times.setdefault("frame", []).append(time.perf_counter() - start)


async def upload(port: int, photos: Sequence[bytes], seen: Seen, first: int, end: float) -> None:
    """Upload photos to Teach, twice a second, and remove old ones."""
    client, kept = Client(port, seen), deque[str]()
    for number in count(first):
        if time.perf_counter() >= end:
            return
        await _upload_one(client, kept, photos, number)
        await asyncio.sleep(0.5)


async def _upload_one(client: Client, kept: deque[str], photos: Sequence[bytes], number: int) -> None:
    label, signer = _LABELS[number % 2], _SIGNERS[number // 2 % 2]
    unlike = photos[number % len(photos)] + number.to_bytes(
        4, "big"
    )  # what follows the image is no part of it
    found = await client.ask("upload", "POST", f"/v1/teach/photos?label={label}&signer={signer}", unlike)
    kept.append(f"/v1/teach/photos/{label}/{found['name']}")
    if len(kept) > _KEPT:
        await client.ask("removal", "DELETE", kept.popleft())


def probe(port: int, seen: Seen, end: float) -> None:
    """Ask whether the server is alive, on a thread of its own: the clients' loop is busy."""
    while (start := time.perf_counter()) < end:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz") as answer:
            answer.read()
        seen.times.setdefault("health", []).append(time.perf_counter() - start)
        time.sleep(0.2)


async def teach(port: int, seen: Seen, end: float) -> None:
    """Train, and use what was taught and what the server started with."""
    client = Client(port, seen)
    while time.perf_counter() < end:
        await client.ask("training", "POST", "/v1/teach/train")
        for which in ("taught", "started"):
            body = json.dumps({"which": which}).encode()
            await client.ask("use", "POST", "/v1/teach/use", body, "application/json")
            await asyncio.sleep(2)


async def load(port: int, photos: Sequence[bytes], clients: int, seconds: float) -> Seen:
    """Load a server, and return what the clients saw."""
    seen, warm = Seen(), Client(port, Seen())
    for number in range(8):
        await _upload_one(warm, deque[str](), photos, number)
    await teach(port, Seen(), time.perf_counter() + 1)
    end = time.perf_counter() + seconds
    threading.Thread(target=probe, args=(port, seen, end), daemon=True).start()
    works = [upload(port, photos, seen, 8, end), teach(port, seen, end)]
    works += [(predict, stream)[number % 2](port, photos, seen, number, end) for number in range(clients)]
    for found in await asyncio.gather(*works, return_exceptions=True):
        if found is not None:
            seen.failed[repr(found)] += 1
    return seen


def main(options: argparse.Namespace) -> None:
    """Print the table."""
    photos = [photo for photo in read_photos(options.photos) if photo.startswith(b"\xff\xd8")]
    with tempfile.TemporaryDirectory() as folder:
        words = (options.bundle, "--teach", f"{folder}/photos", "--cache", f"{folder}/cache")
        with serving(*words) as (server, port, memory):
            seen = asyncio.run(load(port, photos, options.clients, options.seconds))
            server.terminate()
            log = server.communicate()[1]
    _report(options, seen, memory, log)


def _report(options: argparse.Namespace, seen: Seen, memory: Memory, log: str) -> None:
    print(f"{options.clients} clients, {options.seconds:g} s")
    print(f"failed: {seen.failed.total()} {dict(seen.failed) or ''}")
    for kind, times in seen.times.items():
        p50, p99, most = 1000 * np.quantile(times, [0.5, 0.99, 1])
        quantiles = f"p50 {p50:.0f} ms, p99 {p99:.0f} ms, at most {most:.0f} ms"
        print(f"{kind}: {len(times)} answered, {quantiles}, {seen.busy[kind]} times told to wait")
    used = np.array(memory.megabytes[-int(options.seconds) :])
    tenth = max(1, len(used) // 10)
    ends = f"{used[:tenth].mean():.0f} MB in the first tenth, {used[-tenth:].mean():.0f} MB in the last"
    both = max(memory.with_children[-int(options.seconds) :])
    print(f"server's memory: {ends}; at most {used.max():.0f} MB, {both:.0f} MB with its children")
    print(f"lines in its log: {len(log.splitlines())}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle")
    parser.add_argument("photos", type=Path)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--clients", type=int, default=64)
    main(parser.parse_args())
