"""Run graphs from standard input on one blank photo each, within limits, and say how it went.

    python -m handshape.inference.graph_trial BYTES...

It is a process of its own, which may hang or be killed without harm to anyone.
"""

import sys
from contextlib import suppress

from handshape.inference.engine import Graph

# Bytes beside those that a graph itself takes several times over.
_MEMORY, _TIMES = 6 * 1024**3, 8


def try_graphs() -> None:
    """Run each graph; exit with 1 after the first that fails, its error on standard output."""
    sizes = [int(word) for word in sys.argv[1:]]
    _limit_memory(_MEMORY + _TIMES * sum(sizes))
    for size in sizes:
        content = sys.stdin.buffer.read(size)
        print("begin", flush=True)
        try:
            Graph(content).run_blank()
        except Exception as error:  # ONNX Runtime's own classes are not public
            print(" ".join(str(error).split()), flush=True)
            sys.exit(1)


def _limit_memory(size: int) -> None:
    with suppress(ImportError, ValueError, OSError):  # Windows has none, and some systems refuse it
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (size, size))


if __name__ == "__main__":
    try_graphs()
