"""`handshape serve` in a process of its own."""

import re
import signal
import urllib.request
from typing import Any

from .processes import Starter

# With --log json a line is an object that holds it.
_SERVING = re.compile(r'Serving at (https?)://([^/]+)/(?:\?token=(\S+))? \(Ctrl\+C ends it\)(?:"})?\n')


class Running:
    """A server that was started as a user starts it.

    Args:
        starter: Starts it.
        environment: What is to be set or changed in its environment.
        words: Of the command.
        file: Bytes of the largest file it may write, or 0 for any; see `Starter.run`.
    """

    def __init__(self, starter: Starter, environment: dict[str, str], *words: object, file: int = 0) -> None:
        self.process = starter.run(
            "serve", *words, "--no-open", "--port", 0, environment=environment, file=file
        )
        self.process.wait(lambda: _SERVING.search(self.process.err) is not None)
        self.started = self.process.err
        found = _SERVING.search(self.started)
        assert found, self.started
        self.scheme, self.authority, self.token = found[1], found[2], found[3]

    @property
    def port(self) -> int:
        """The port."""
        return int(self.authority.rpartition(":")[2])

    def open(self, path: str, data: bytes | None = None, **headers: str) -> Any:
        """Send a request over the loopback address."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, named)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.read()

    def end(self, number: int = signal.SIGTERM) -> tuple[int | None, str, str]:
        """Ask the process to end; return its exit code and what it printed since it began to serve."""
        self.process.send(signal.Signals(number))
        code = self.process.wait()
        return code, self.process.out, self.process.err.removeprefix(self.started)
