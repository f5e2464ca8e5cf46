"""Debian's Firefox, driven by WebDriver BiDi: Playwright drives only a Firefox of its own."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.programs import need
from websockets.sync.client import ClientConnection, connect

# A camera that shows no hand, and nobody to ask whether it may be used.
_SETTINGS = """user_pref("media.navigator.streams.fake", true);
user_pref("media.navigator.permission.disabled", true);
"""
_SAFETY_NET = 240  # seconds, where a machine does much else


class Firefox:
    """A tab of a running Firefox.

    Args:
        connection: To its WebDriver BiDi.
    """

    def __init__(self, connection: ClientConnection) -> None:
        self._connection, self._sent = connection, 0
        self.errors: list[str] = []
        """What its console said as an error."""
        self.ask("session.new", capabilities={})
        self.ask("session.subscribe", events=["log.entryAdded"])
        self._tab = self.ask("browsingContext.create", type="tab")["context"]

    def ask(self, method: str, **words: Any) -> dict[str, Any]:
        """Send a command and return its result."""
        self._sent += 1
        self._connection.send(json.dumps({"id": self._sent, "method": method, "params": words}))
        while True:
            told = json.loads(self._connection.recv(timeout=_SAFETY_NET))
            if told.get("method") == "log.entryAdded" and told["params"]["level"] == "error":
                self.errors.append(told["params"]["text"])
            if told.get("id") == self._sent:
                assert told["type"] == "success", told
                return dict(told["result"])

    def open(self, url: str) -> None:
        """Open a page and wait until it is loaded."""
        self.ask("browsingContext.navigate", context=self._tab, url=url, wait="complete")

    def evaluate(self, expression: str) -> Any:
        """Return the value of an expression that is text, a number or a truth."""
        words = {"expression": expression, "target": {"context": self._tab}, "awaitPromise": True}
        told = self.ask("script.evaluate", **words)
        assert told["type"] == "success", told
        return told["result"].get("value")

    def wait(self, expression: str) -> None:
        """Wait until an expression is true in the page, or fail and show the page."""
        end = time.monotonic() + _SAFETY_NET
        while not self.evaluate(f"Boolean({expression})"):
            assert time.monotonic() < end, (expression, self.errors, self.evaluate("document.body.innerText"))
            time.sleep(0.1)

    def choose(self, selector: str, *files: Path) -> None:
        """Choose files in an input."""
        words = {"context": self._tab, "locator": {"type": "css", "value": selector}}
        (node,) = self.ask("browsingContext.locateNodes", **words)["nodes"]
        element = {"sharedId": node["sharedId"]}
        self.ask("input.setFiles", context=self._tab, element=element, files=[str(file) for file in files])


@contextmanager
def firefox(profile: Path) -> Iterator[Firefox]:
    """Start Firefox without a window.

    Args:
        profile: Folder of what it keeps.
    """
    program = need("firefox-esr" if shutil.which("firefox-esr") else "firefox")
    profile.mkdir(exist_ok=True)
    (profile / "user.js").write_text(_SETTINGS)
    words = [program, "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            address = next(
                found[1]
                for line in process.stderr
                if (found := re.search(r"BiDi listening on (ws://\S+)", line))
            )
            with connect(f"{address}/session", max_size=None) as connection:
                yield Firefox(connection)
        finally:
            process.kill()
