"""How many threads work at once: one setting for networks, decoding, torch and linear algebra."""

import os
import sys
from pathlib import Path

_GROUPS, _GROUP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
_chosen: int | None = None


def threads() -> int:
    """Return how many threads may work at once: as set, else the cores that this process may use."""
    return _chosen or available_cores()


def available_cores() -> int:
    """Return the number of cores that this process may use, quotas of its control group included."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota()
    return max(1, min(cores, round(quota))) if quota else cores


def set_threads(count: int) -> None:
    """Set how many threads work at once.

    Args:
        count: 0 for the cores that this process may use.
    """
    global _chosen
    _chosen = count or None
    # Read by the libraries when they are loaded. Threads that wait sleep, and leave the cores to other work.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ["OMP_NUM_THREADS"] = str(threads())
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(threads())
    if _chosen is not None:
        from threadpoolctl import threadpool_limits

        threadpool_limits(_chosen)  # of numpy's linear algebra, which is loaded already


def _quota() -> float | None:
    """Return the cores that the control group grants, as Linux's second version of them says."""
    try:
        group = _GROUP.read_text().splitlines()[-1].partition("::")[2].lstrip("/")
        limit, period = (_GROUPS / group / "cpu.max").read_text().split()
        return None if limit == "max" else int(limit) / int(period)
    except (OSError, ValueError, IndexError):
        return None
