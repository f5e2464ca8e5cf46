"""Programs that tests drive: npm, node and Chromium, and a plain static server."""

import functools
import http.server
import os
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

# Nothing that Chromium does on its own account, and no GPU.
CHROMIUM = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
)


def need(program: str) -> str:
    """Return where a program is; without it the test is skipped, but for CI, which has to provide it."""
    found = shutil.which(program)
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{program} is not installed")
    return found


@contextmanager
def chromium_page(*more: str) -> Iterator[Page]:
    """Open a page in Chromium; an error or warning in its console fails the test.

    Args:
        more: Further arguments of the program.
    """
    with sync_playwright() as playwright:
        program = need("chromium")
        browser = playwright.chromium.launch(executable_path=program, args=[*CHROMIUM, *more])
        page, said = browser.new_page(), list[str]()
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on(
            "console",
            lambda message: said.append(message.text) if message.type in ("error", "warning") else None,
        )
        yield page
        browser.close()
        assert said == []


@contextmanager
def serve_folder(folder: Path, headers: Mapping[str, str] | None = None) -> Iterator[str]:
    """Offer a folder as any static server would; gives its address.

    Args:
        folder: The folder.
        headers: Sent with each file.
    """

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_request(self, code: object = "-", size: object = "-") -> None:
            pass

        def end_headers(self) -> None:
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            super().end_headers()

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
