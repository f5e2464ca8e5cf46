import http.client
import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image
from tests.serve.conftest import encoded, form, png
from tests.serve.hostile import Hostile, uploads
from tests.serving import Running

COUNT = 10_000
CODES = {"bad_request", "too_large", "unsupported_format", "unreadable"}


def resident(pid: int) -> int:
    """Return the megabytes of memory that a process holds."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) // 1000


def send(port: int, upload: Hostile, path: str = "/v1/predict") -> tuple[int, bytes]:
    """Send one upload; an answer that never comes is an error."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        headers = {"Content-Type": upload.content_type}
        connection.request("POST", path, upload.body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def send_all(
    port: int, queue: Iterator[Hostile], lock: threading.Lock, wrong: list[str], seen: Counter[str]
) -> None:
    while True:
        with lock:
            upload = next(queue, None)
        if upload is None:
            return
        try:
            status, body = send(port, upload)
            error = json.loads(body)
            if not (400 <= status < 500 and error["code"] in CODES and error["message"]):
                raise ValueError(f"{status} {body[:200]!r}")
            seen[f"{upload.kind}: {status}"] += 1
        except Exception as failure:
            wrong.append(f"{upload.kind} {upload.content_type} {upload.body[:60]!r}: {failure!r}")


def at_once(count: int, ask: Callable[[int], tuple[int, bytes]]) -> Counter[int]:
    """Ask from many threads, and return how often each status came."""
    with ThreadPoolExecutor(count) as pool:
        return Counter(status for status, _ in pool.map(ask, range(count)))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_hostile__memory_stays_bounded_whatever_is_decoded(
    serve: Callable[..., Running], tmp_path: Path
) -> None:
    running = serve("--teach", tmp_path / "taught", "--cache", tmp_path / "cache")
    start = peak = resident(running.process.pid)
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.05):
            peak = max(peak, resident(running.process.pid))

    watching = threading.Thread(target=watch)
    watching.start()
    large = Image.new("RGBA", (7070, 7070))
    rotated = Image.Exif()
    rotated[0x112] = 6
    photos = [
        encoded(large, "PNG"),
        encoded(large, "PNG", exif=rotated),
        encoded(large.convert("RGB"), "JPEG", exif=rotated),
        encoded(Image.new("I;16", large.size), "PNG"),
        encoded(large.resize((4000, 3990)), "WEBP", method=0),
    ]
    try:
        whole = encoded(large.convert("RGB"), "JPEG", quality=30)
        path = "/v1/teach/photos?label=A&signer=Anna"
        sent = at_once(24, lambda number: send(running.port, Hostile("", "image/jpeg", whole), path))
        assert sent == {413: 24}
        seen = at_once(15, lambda number: send(running.port, Hostile("", "image/png", photos[number % 5])))
        assert set(seen) <= {200, 503}
    finally:
        done.set()
        watching.join()
    print(f"{start} MB before, at most {peak} MB; {seen}")
    assert peak - start < 650


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_hostile__ten_thousand_uploads_are_refused(serve: Callable[..., Running], tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    running = serve("--json", TMPDIR=str(disk))
    body, kind = form(("image", "a.png", png()))
    before = json.loads(running.open("/v1/predict", body, Content_Type=kind))
    wrong, seen, lock = list[str](), Counter[str](), threading.Lock()
    rest = uploads(COUNT)
    send_all(running.port, (next(rest) for _ in range(500)), lock, wrong, seen)  # warm
    start = resident(running.process.pid)
    threads = [
        threading.Thread(target=send_all, args=(running.port, rest, lock, wrong, seen)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    peak = start
    for thread in threads:
        while thread.is_alive():
            peak = max(peak, resident(running.process.pid))
            thread.join(0.2)
    print(f"{dict(seen)}; {start} MB before, at most {peak} MB, {resident(running.process.pid)} MB after")
    assert not wrong, wrong[:5]
    assert sum(seen.values()) == COUNT
    # Eight bodies of 10 MB at once, their copies, and a photo being decoded.
    assert peak - start < 400
    assert json.loads(running.open("/v1/predict", body, Content_Type=kind)) == before
    assert not list(disk.rglob("*")), "something was written to disk"
    code, out, err = running.end()
    assert (code, json.loads(out)["photos"], err) == (0, 2, "")
