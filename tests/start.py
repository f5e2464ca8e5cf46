"""Starts the command line as processes that need not import its libraries anew: each is a copy of this one.

Run as a program. Takes one JSON object a line from standard input and answers with one on standard output:
``{"run": WORDS, "place": P, "folder": F, "file": BYTES, "environment": {NAME: VALUE}}`` starts a command
in ``P`` and tells its ``pid``; what it says goes to ``F/out`` and ``F/err``. It is ended where it writes a
file of more bytes than ``file``; 0 is no limit.
``{"ask": PID}`` tells its exit ``code`` once it has ended.
"""

import atexit
import json
import os
import resource
import signal
import sys
import threading
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from PIL import Image

from handshape.cli import main
from handshape.evaluation.report.page import environment
from handshape.evaluation.report.plots import confusion

# What commands import when they need it. Torch's optimisers import a compiler that nothing here uses: most of
# the work of a short training.
_IMPORTS = (
    *(f"handshape.commands.{name}" for name in ("compare", "evaluate", "export", "features", "inspect")),
    *(f"handshape.commands.{name}" for name in ("predict", "serve", "study", "train")),
    *("handshape.terminal", "handshape.serve.app", "handshape.serve.server", "handshape.serve.teach.teacher"),
    *("matplotlib.backends.backend_agg", "matplotlib.backends.backend_svg", "scipy.fftpack", "torch._dynamo"),
)


def prepare() -> None:
    """Import what commands import, and make what they make once: templates, what knows fonts and formats."""
    for name in _IMPORTS:
        import_module(name)
    Image.init()
    for name in environment().list_templates(["html"]):
        environment().get_template(name)
    confusion("any", np.eye(2, dtype=np.int64), "AB")


def start(request: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    folder = Path(request["folder"])
    for number, name in enumerate((Path(os.devnull), folder / "out", folder / "err")):
        os.dup2(os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC), number)
    os.chdir(request["place"])
    os.environ.update(request["environment"])
    if request["file"]:
        # A larger file ends the process there and then; Python would make an error of it.
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["file"],) * 2)
    sys.argv = ["handshape", *request["run"]]
    try:
        main()
    except SystemExit as ended:
        end(ended.code)
    raise AssertionError("the command line ends its process")


def end(code: object) -> NoReturn:
    """End as Python does, without taking all that was imported apart: that takes two seconds."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    assert isinstance(code, int)
    os._exit(code)


def ask(pid: int) -> int | None:
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def serve() -> None:
    for line in iter(sys.stdin.readline, ""):
        request = json.loads(line)
        answer = {"pid": start(request)} if "run" in request else {"code": ask(request["ask"])}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    prepare()
    # Lance must not have been used before a process is copied, and has not been: it is only imported.
    warnings.filterwarnings("ignore", message="lance is not fork-safe")
    print(json.dumps({"ready": True}), flush=True)
    serve()
    os._exit(0)  # all that was imported takes seconds to be taken apart
