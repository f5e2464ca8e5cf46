"""How to start a module of handshape in a process of its own."""

import os
import sys


def module_command(name: str, *words: str) -> tuple[list[str], dict[str, str]]:
    """Return a command that runs a module, and its environment.

    Args:
        name: The module's full name.
        words: Its arguments.
    """
    # It imports what this process would; -P: no file in the current folder is taken for a library.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return [sys.executable, "-P", "-m", name, *words], environment
