"""Starts the command line as processes that need not import its libraries anew: each is a copy of this one.

Run as a program. Takes one JSON object a line from standard input and answers with one on standard output:
``{"run": WORDS, "folder": F, "limit": BYTES}`` starts ``handshape WORDS`` and tells its ``pid``; what it says
goes to ``F/out`` and ``F/err``. ``{"ask": PID}`` tells its exit ``code`` once it has ended.
"""

import json
import os
import resource
import sys
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

from handshape.cli import main

_COMMANDS = ("compare", "features", "study", "train")


def start(request: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    folder = Path(request["folder"])
    for number, name in enumerate((Path(os.devnull), folder / "out", folder / "err")):
        os.dup2(os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC), number)
    if request["limit"]:
        resource.setrlimit(resource.RLIMIT_AS, (request["limit"], request["limit"]))
    sys.argv = ["handshape", *request["run"]]
    main()
    raise AssertionError("the command line ends its process")


def ask(pid: int) -> int | None:
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def serve() -> None:
    for line in iter(sys.stdin.readline, ""):
        request = json.loads(line)
        answer = {"pid": start(request)} if "run" in request else {"code": ask(request["ask"])}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    for name in (*(f"handshape.commands.{command}" for command in _COMMANDS), "handshape.terminal"):
        import_module(name)
    # Lance must not have been used before a process is copied, and has not been: it is only imported.
    warnings.filterwarnings("ignore", message="lance is not fork-safe")
    print(json.dumps({"ready": True}), flush=True)
    serve()
