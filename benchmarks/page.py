"""How fast the page predicts: the exported one in the browser, the served one over the WebSocket.

Run ``python -m benchmarks.page BUNDLE PHOTOS [--seconds 10] [--rounds 5]``. Headless Chromium plays photos to
the page as a camera would, slowly turned, a sign every two seconds. The pages take turns, the exported one
also with the headers that threads need. Printed are medians over the rounds of the seconds from the page's
address to the first prediction, of the frames a second after it, of the longest time between two frames, and
of the processor time a frame: of the page's processes, and of the server. Chromium decodes the film and runs
without a graphics processor on the same cores. On a machine with other work, compare processor time.
"""

import argparse
import math
import os
import random
import statistics
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from tests.programs import serve_folder
from tests.serve.browser import Tab, browsing, film, served

from handshape.commands.export import export
from handshape.config.export import ExportConfig

SIGNS, STEPS, STEP_SECONDS = 6, 20, 0.1
HEADERS = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}
_COUNT = """milliseconds => new Promise((done) => {
  let frames = 0, longest = 0, last = performance.now();
  const watch = new MutationObserver(() => {
    frames += 1;
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  });
  watch.observe(document.querySelector("#view-live .verdict"), { childList: true });
  setTimeout(() => { watch.disconnect(); done([frames, longest]); }, milliseconds);
})"""


@dataclass(frozen=True)
class Speed:
    """One measurement of a page.

    Args:
        first: Seconds until the first prediction.
        rate: Frames a second.
        longest: Milliseconds between two frames at most.
        page: Milliseconds of processor time a frame in the page's processes.
        server: The same of the server; 0 without one.
    """

    first: float
    rate: float
    longest: float
    page: float
    server: float


def camera(photos: Path, out: Path) -> Path:
    """Write a film of some signs."""
    paths = sorted(path for path in photos.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    pictures = []
    for path in random.Random(0).sample(paths, SIGNS):
        with Image.open(path) as photo:
            upright = photo.convert("RGB").resize((384, 384))
        pictures += [upright.rotate(8 * math.sin(step / 3)) for step in range(STEPS)]
    return film(out, pictures, STEP_SECONDS)


def processor_seconds(process: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(url: str, video: Path, seconds: float, server: Callable[[], float]) -> Speed:
    """Open a page and count the frames that it predicts."""
    with browsing(url, video) as tab:
        tab.wait("document.querySelector('#view-live .reading').dataset.state !== 'waiting'")
        first = tab.page.evaluate("performance.now()") / 1000  # since it was opened
        before = (processor_time(tab), server())
        frames, longest = tab.page.evaluate(_COUNT, 1000 * seconds)
        used = [
            1000 * (now - then) / frames
            for now, then in zip((processor_time(tab), server()), before, strict=True)
        ]
        assert tab.errors == [], tab.errors
    return Speed(first, frames / seconds, longest, *used)


def processor_time(tab: Tab) -> float:
    """Return the processor seconds of Chromium's processes for pages."""
    browser = tab.page.context.browser
    assert browser is not None
    found = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    return float(sum(one["cpuTime"] for one in found if one["type"] == "renderer"))


def main(options: argparse.Namespace) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        place = Path(folder)
        video = camera(options.photos, place / "camera.mjpeg")
        page = place / "page"
        export(ExportConfig(bundle=options.bundle, format="web", out=page))
        exported: dict[str, AbstractContextManager[str]] = {
            "exported, one thread": serve_folder(page),
            "exported, headers": serve_folder(page, HEADERS),
        }
        ways = {name: (stack.enter_context(way), lambda: 0.0) for name, way in exported.items()}
        server = stack.enter_context(served(place, str(options.bundle), "--cache", str(place / "cache")))
        assert server.process is not None
        number = server.process.pid
        ways["served"] = (server.url, lambda: processor_seconds(number))
        found: dict[str, list[Speed]] = {name: [] for name in ways}
        for _ in range(options.rounds):
            for name, (url, used) in ways.items():
                found[name].append(measure(f"{url.rstrip('/')}/", video, options.seconds, used))
    print(
        f"{options.bundle}, {options.rounds} rounds of {options.seconds:g} s, load {os.getloadavg()[0]:.1f}"
    )
    print(f"{'':22}{'first answer s':>15}{'frames/s':>10}{'longest ms':>12}{'page ms':>9}{'server ms':>10}")
    for name, speeds in found.items():
        first, rate, longest, own, other = (
            statistics.median(getattr(speed, field) for speed in speeds)
            for field in ("first", "rate", "longest", "page", "server")
        )
        print(f"{name:22}{first:15.2f}{rate:10.1f}{longest:12.0f}{own:9.1f}{other:10.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundle", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    main(parser.parse_args())
