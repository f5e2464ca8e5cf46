"""Training in a process of its own, so that the server never holds torch."""

import pickle
import signal
import subprocess
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from handshape.child_process import module_command
from handshape.errors import BusyError, HandshapeError, TrainingError
from handshape.recogniser import Recogniser
from handshape.serve.request_log import LOG
from handshape.serve.teach.photo_folder import TeachPhoto


@dataclass(frozen=True)
class Training:
    """What to train on, and where the result goes.

    Args:
        folder: The folder of the photos.
        photos: Those to train on.
        base: The recogniser that signs are added to; None where they make one of their own.
        cache: The cache.
        out: Folder of the run.
        digest: Of the photos and the base.
        threads: How many may work at once.
    """

    folder: Path
    photos: tuple[TeachPhoto, ...]
    base: Recogniser | None
    cache: Path
    out: Path
    digest: str
    threads: int


class TrainingProcess:
    """Runs trainings, each in a process of its own that ends with this one, however this one ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._closed = False

    def run(self, training: Training) -> None:
        """Train, and write the run.

        Raises:
            BusyError: The server is stopping.
            HandshapeError: What the training raised.
            TrainingError: The process ended before the run was written.
        """
        with tempfile.TemporaryFile() as said:
            child = self._start(said.fileno())
            try:
                answer = _ask(child, training)
            finally:
                child.kill()  # after its answer: to take apart all that it imported would take seconds
                child.wait()
            said.seek(0)
            lines = said.read().decode(errors="replace")
        failure = pickle.loads(answer) if answer else self._ended(child.returncode, lines)
        if failure is not None:
            raise failure

    def _start(self, errors: int) -> "subprocess.Popen[bytes]":
        command, environment = module_command("handshape.serve.teach.train_album")
        with self._lock:
            if self._closed:
                raise self._stopping()
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment,
                start_new_session=True,  # Ctrl+C in a terminal is for the server, which ends this
            )
            return self._child

    def _ended(self, code: int, lines: str) -> HandshapeError:
        if self._closed:
            return self._stopping()
        reason = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        said = lines.strip().splitlines()[-1:]
        error = TrainingError(
            f"training ended before it was done ({': '.join([reason, *said])})",
            "about 1 GB of memory for it",
            "train again; all photos are kept",
        )
        LOG.error("%s\n%s", error, lines)
        return error

    @staticmethod
    def _stopping() -> BusyError:
        return BusyError("the server is stopping", "one that runs", "start it again")

    def close(self) -> None:
        """End the process that trains, if there is one; there is no other after it."""
        with self._lock:
            self._closed = True
            if self._child is not None:
                self._child.kill()


def _ask(child: "subprocess.Popen[bytes]", training: Training) -> bytes:
    """Return what a process answers; nothing where it ends without."""
    assert child.stdin is not None and child.stdout is not None
    with suppress(BrokenPipeError):
        pickle.dump(training, child.stdin)
        child.stdin.flush()
    with child.stdout:
        answer = child.stdout.read()
    if not answer:
        child.wait()
    with suppress(BrokenPipeError):
        child.stdin.close()  # not before: where it ends, the process does
    return answer
