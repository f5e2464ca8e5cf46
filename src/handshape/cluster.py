"""A Ray cluster to work on: one that is there already, or one of its own on this machine."""

import logging
import os
import socket
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from importlib.util import find_spec

from handshape.errors import ClusterError, MissingExtraError

# Time for the head of a cluster to take a connection.
_SECONDS = 5.0


@contextmanager
def join_cluster(address: str | None) -> Iterator[None]:
    """Work on a Ray cluster until the block is left.

    A process that is connected to a cluster already stays connected to it.

    Args:
        address: ``host:port`` of its head, or ``auto`` for the one that this machine is a node of; ``None``
            for a new one of this machine's cores, which ends with the block.

    Yields:
        Nothing.

    Raises:
        MissingExtraError: Ray is not installed.
        ClusterError: There is no cluster, or this machine cannot take part in it.
    """
    if find_spec("ray") is None:
        raise MissingExtraError("'ray' is not installed", "the extra 'ray'", "pip install 'handshape[ray]'")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
    # Of what it does not mind itself, Ray's core would tell the terminal.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    import ray

    if ray.is_initialized():
        yield
        return
    _connect(address)
    try:
        # Ray prints that a worker was lost, whatever its settings; standard output is the result's.
        with redirect_stdout(sys.stderr):
            yield
    finally:
        ray.shutdown()


def _connect(address: str | None) -> None:
    import ray

    if address not in (None, "auto"):
        _knock(str(address))
    # Ray's messages stay in its own log files: a terminal shows handshape's progress.
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR, "include_dashboard": False}
    alone = {}
    if address is None:
        alone["num_cpus"] = os.cpu_count()
        # Ray would let its workers run behind everything else; they are what was asked for.
        os.environ.setdefault("RAY_worker_niceness", "0")
    try:
        with warnings.catch_warnings(), _silence():
            # Lance warns of forks; these become programs of their own at once.
            warnings.filterwarnings("ignore", "lance is not fork-safe")
            ray.init(address or "local", **quiet, **alone)
    except Exception as error:  # Ray raises nearly anything
        raise _not_reached(address or "this machine", str(error).strip().split("\n")[0]) from error


@contextmanager
def _silence() -> Iterator[None]:
    """Keep what Ray's core says of its own log level, before that applies, off the terminal."""
    sys.stderr.flush()
    before, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
        os.close(nowhere)


def _knock(address: str) -> None:
    """Fail at once where nobody listens: Ray itself would wait for a minute, and end the process."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_SECONDS).close()
    except ValueError as error:
        raise _not_reached(address, "no host and port") from error
    except OSError as error:
        raise _not_reached(address, error.strerror or str(error)) from error


def _not_reached(address: str, reason: str) -> ClusterError:
    return ClusterError(
        f"cannot join the Ray cluster at {address!r} ({reason})",
        "host:port of the head of a cluster that this machine is a node of",
        "start it (`ray start --head`, then `ray start --address host:port` here), or leave out --address",
    )
