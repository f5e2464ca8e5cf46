"""A Ray cluster of several nodes on this machine, each with one core of its own, for tests."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

NODES = 2
ON_RAY = [
    pytest.mark.skipif(find_spec("ray") is None, reason="the extra `ray` is not installed"),
    pytest.mark.slow,
    pytest.mark.xdist_group("ray"),
    # Ray starts its processes by forks that become programs of their own at once.
    pytest.mark.filterwarnings("ignore:lance is not fork-safe"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),
]
_MEMORY = 200 * 1024**2
# Ray gives a node half a minute to start, which a machine with much else to do may not keep.
_TRIES = 4


@contextmanager
def two_nodes() -> Iterator[Any]:
    """Start a cluster; nothing is connected to it yet."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_worker_niceness", "0")
    # Workers are sent parts of tests, which they have to find.
    paths = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    cluster = _started()
    try:
        yield cluster
    finally:
        cluster.shutdown()


def _started() -> Any:
    from ray._private import utils
    from ray.cluster_utils import Cluster

    # Without what its dashboard needs Ray starts in half of the time.
    utils.get_dashboard_dependency_error = lambda: ImportError("the dashboard is not wanted")

    for left in reversed(range(_TRIES)):
        cluster = Cluster()
        try:
            cluster.add_node(**_node(), include_dashboard=False, no_monitor=True)
            for _ in range(NODES - 1):
                cluster.add_node(**_node())
        except Exception:
            cluster.shutdown()
            if not left:
                raise
        else:
            break
    return cluster


def _node() -> dict[str, Any]:
    return {"num_cpus": 1, "object_store_memory": _MEMORY, "include_log_monitor": False}
