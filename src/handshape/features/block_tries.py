"""How often each block of photos was begun on a cluster, counted in a process that loads little else.

Ray is an extra: only code that has checked that it is installed imports this module.
"""

from collections import Counter
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy


class BlockTries:
    """Counts how often each block was begun.

    Args:
        most: How often it may be: a photo that crashes its worker would do so every time.
    """

    def __init__(self, most: int) -> None:
        self._begun, self._most = Counter[int](), most

    def begin(self, block: int) -> bool:
        """Count a try; return whether it may be made."""
        self._begun[block] += 1
        return self._begun[block] <= self._most


def count_tries(most: int) -> Any:
    """Start to count tries, on the node that everything depends on anyway."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return ray.remote(BlockTries).options(num_cpus=0, scheduling_strategy=here).remote(most)
