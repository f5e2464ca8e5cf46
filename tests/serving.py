"""`handshape serve` in a process of its own, as a user starts it."""

import re
import signal
import subprocess
import sys
import urllib.request
from typing import Any

PROGRAM = "import sys; from handshape.cli import main; sys.argv[0] = 'handshape'; main()"


class Running:
    """The command in a process of its own, as a user starts it."""

    def __init__(self, *words: object) -> None:
        command = [sys.executable, "-c", PROGRAM, "serve", *map(str, words), "--no-open", "--port", "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        self.told = self.process.stderr.readline()
        found = re.fullmatch(
            r"Serving at (https?)://([^/]+)/(?:\?token=(\S+))? \(Ctrl\+C ends it\)\n", self.told
        )
        assert found, self.told + self.process.stderr.read()
        self.scheme, self.authority, self.token = found[1], found[2], found[3]

    @property
    def port(self) -> int:
        """The port."""
        return int(self.authority.rpartition(":")[2])

    def open(self, path: str, data: bytes | None = None, **headers: str) -> Any:
        """Ask over the loopback address."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, named)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Ask the process to end; return its exit code and what it printed."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err
