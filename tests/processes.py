"""Real processes of the command line that tests ask, stop and kill."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

_LONGEST = 300.0


class Process:
    """One started command.

    Args:
        starter: What started it.
        pid: Its number.
        folder: Where it writes what it says.
        words: The command.
    """

    def __init__(self, starter: "Starter", pid: int, folder: Path, words: list[str]) -> None:
        self._starter, self.pid, self._folder, self.words = starter, pid, folder, words
        self._code: int | None = None

    @property
    def code(self) -> int | None:
        """Exit code, minus the signal's number for one that was killed; ``None`` while it runs."""
        if self._code is None:
            self._code = self._starter.ask({"ask": self.pid})["code"]
        return self._code

    @property
    def out(self) -> str:
        return (self._folder / "out").read_text(encoding="utf-8")

    @property
    def err(self) -> str:
        return (self._folder / "err").read_text(encoding="utf-8")

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def send(self, number: signal.Signals) -> None:
        if self.code is None:  # else the number may be another process's by now
            os.kill(self.pid, number)

    def wait(self, until: Callable[[], bool] | None = None) -> int | None:
        """Wait until it has ended, or something has happened."""
        deadline = time.monotonic() + _LONGEST
        while self.code is None and not (until and until()):
            if time.monotonic() > deadline:
                self.send(signal.SIGKILL)
                raise AssertionError(f"{' '.join(self.words)} does not end:\n{self.err}")
            time.sleep(0.002 if until else 0.02)  # to ask costs what the process could compute
        return self.code

    def done(self) -> "Process":
        """Wait until it has ended well."""
        assert self.wait() == 0, f"{' '.join(self.words)} ended with {self.code}:\n{self.err}"
        return self

    def failed(self) -> str:
        """Wait until it has failed as a command fails; return its one line that says why."""
        assert self.wait() == 1, f"{' '.join(self.words)} ended with {self.code}:\n{self.err}"
        assert "Traceback" not in self.err
        assert self.out == ""
        said = self.err.splitlines()
        errors = [line for line in said if line.startswith("handshape ")]
        assert errors == said[-1:], self.err
        return errors[0]


class Starter:
    """Starts commands in a third of a second, as copies of a process that has imported everything.

    Args:
        folder: For what they say.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._numbers, self._started = folder, count(), list[Process]()
        own = {"OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(folder / "cache")}
        environment = {name: value for name, value in os.environ.items() if name != "HANDSHAPE_WEIGHTS"} | own
        self._program = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("start.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        assert self._answer() == {"ready": True}

    def run(
        self,
        *words: object,
        place: Path = Path(),
        environment: dict[str, str] | None = None,
        file: int = 0,
    ) -> Process:
        """Start a command.

        Args:
            words: Its words.
            place: Where it works.
            environment: What is to be set or changed in its environment.
            file: Bytes of the largest file it may write: it is killed where one grows larger; 0 for any.
        """
        folder = self._folder / str(next(self._numbers))
        folder.mkdir()
        for name in ("out", "err"):
            (folder / name).touch()
        said = [str(word) for word in words]
        answer = self.ask(
            {
                "run": said,
                "place": str(place.absolute()),
                "folder": str(folder),
                "file": file,
                "environment": environment or {},
            }
        )
        self._started.append(Process(self, answer["pid"], folder, said))
        return self._started[-1]

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._program.stdin is not None
        self._program.stdin.write(json.dumps(request) + "\n")
        self._program.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._program.stdout is not None
        answer: dict[str, Any] = json.loads(self._program.stdout.readline())
        return answer

    def close(self) -> None:
        for process in self._started:
            process.send(signal.SIGKILL)
        self._program.communicate(timeout=60)
