"""A real server process, and Debian's Chromium with a camera that plays photos."""

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock
from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Page

TOOLS = Path(__file__).with_name("page")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
NPM = shutil.which("npm")
_FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--disable-quic", "--no-first-run"),
    *("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"),
]
_RATE = 30  # frames a second that Chromium plays
_WIDTH, _HEIGHT, _SIDE = 640, 480, 384  # of the camera's picture, and of the guide box in it
_GREYS = (40, 90, 140, 190)  # of the margins: two digits of a picture's number
_SAFETY_NET = 240  # seconds, where a machine does much else


def film(path: Path, pictures: Sequence[Image.Image], seconds: float) -> Path:
    """Write what the camera sees: each picture in the guide box for a while, over and over.

    The brightness of the two margins is the number of the picture, modulo 16; the page does not send it.
    """
    with path.open("wb") as file:
        for number, picture in enumerate(pictures):
            scene = Image.new("RGB", (_WIDTH, _HEIGHT), (_GREYS[number // len(_GREYS) % len(_GREYS)],) * 3)
            scene.paste((_GREYS[number % len(_GREYS)],) * 3, (_WIDTH // 2, 0, _WIDTH, _HEIGHT))
            left, top = (_WIDTH - _SIDE) // 2, (_HEIGHT - _SIDE) // 2
            scene.paste(picture.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.BICUBIC), (left, top))
            for frame in range(round(seconds * _RATE)):
                # No two frames of a camera are the same, to the byte.
                scene.paste((40 + 13 * frame % 160,) * 3, (left, top, left + 6, top + 6))
                scene.save(file, "JPEG", quality=92)
    return path


@dataclass
class Process:
    """``handshape serve`` as a process of its own, on one port however often it is started."""

    words: Sequence[str]
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    port: int = 0
    process: "subprocess.Popen[str] | None" = None

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [sys.executable, "-c", "from handshape.cli import main; main()", "serve", *self.words]
        command += ["--no-open", "--port", str(self.port)]
        environment = {**os.environ, **self.environment}
        self.process = subprocess.Popen(
            command, cwd=self.folder, env=environment, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stderr is not None
        said: list[str] = []
        while not said or "Serving at" not in said[-1]:
            said.append(self.process.stderr.readline())
            assert said[-1], "".join(said)  # it has ended
        line = said[-1]
        self.port = int(line.split("127.0.0.1:")[1].split("/")[0])
        urllib.request.urlopen(f"{self.url}healthz", timeout=_SAFETY_NET).close()

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            assert self.process.stderr is not None
            self.process.stderr.close()
            self.process = None


@contextmanager
def served(folder: Path, *words: str, **environment: str) -> Iterator[Process]:
    """Run ``handshape serve`` with some words, working in a folder."""
    process = Process(words, folder, environment)
    process.start()
    try:
        yield process
    finally:
        process.kill()


@dataclass
class Tab:
    """A tab of a browser, and the errors of its console.

    Args:
        page: The tab.
        errors: Errors of the console, and those that were thrown.
    """

    page: "Page"
    errors: list[str]

    def text(self, selector: str) -> str:
        """Return the text of an element."""
        return self.page.inner_text(selector)

    def wait(self, expression: str, seconds: float = _SAFETY_NET) -> None:
        """Wait until an expression is true in the page."""
        self.until(lambda: self.page.evaluate(expression), expression, seconds)

    def until(self, condition: Callable[[], object], what: object, seconds: float = _SAFETY_NET) -> None:
        """Wait until a condition is true, or fail and show `what`; the time is only a safety net."""
        # Polled from here: the page's policy forbids what Playwright's own waiting would evaluate in it.
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"{what} is not true\n{self.errors}\n{self.text('main')}"
            self.page.wait_for_timeout(50)

    def picture(self) -> int:
        """Return the number of the picture of a film that the camera shows now."""
        margins = self.page.evaluate(
            """() => [20, 560].map(left => {
                const pen = new OffscreenCanvas(1, 1).getContext("2d");
                pen.drawImage(document.querySelector("#video"), left, 200, 60, 60, 0, 0, 1, 1);
                return pen.getImageData(0, 0, 1, 1).data[1];
            })"""
        )
        high, low = (int(np.argmin(np.abs(np.subtract(_GREYS, one)))) for one in margins)
        return high * len(_GREYS) + low


@contextmanager
def browsing(url: str, video: Path | None, profile: Path | None = None, /, **context: Any) -> Iterator[Tab]:
    """Open a page in Chromium with a camera that plays a film.

    Args:
        url: Of the page.
        video: The film; without one the camera is refused.
        profile: Folder of what the browser keeps; by default it keeps nothing.
        context: Of Playwright's browser context, such as the size of the window.
    """
    from playwright.sync_api import sync_playwright

    flags = [*_FLAGS, f"--use-file-for-fake-video-capture={video}"] if video else _FLAGS[:-2]
    with sync_playwright() as playwright:
        if profile is None:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
            opened = browser.new_context(**context)
        else:
            opened = playwright.chromium.launch_persistent_context(
                str(profile), executable_path=CHROMIUM, args=flags, **context
            )
        page = opened.new_page()
        page.set_default_timeout(1000 * _SAFETY_NET)
        errors: list[str] = []
        page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url)
        try:
            yield Tab(page, errors)
        finally:
            opened.close()
            if profile is None:
                browser.close()


def tools() -> Path:
    """Return the folder of the npm packages that check the page, installed when they are missing."""
    assert NPM is not None
    with FileLock(str(TOOLS / "node_modules.lock")):
        if not (TOOLS / "node_modules" / "axe-core" / "axe.min.js").is_file():
            words = [NPM, "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]
            subprocess.run(words, cwd=TOOLS, check=True, capture_output=True, timeout=600)
    return TOOLS / "node_modules"
