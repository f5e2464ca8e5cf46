"""A pool with one thread per core, each running torch on one core only."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

import torch

_Item = TypeVar("_Item")
_Output = TypeVar("_Output")


@contextmanager
def workers() -> Iterator[ThreadPoolExecutor]:
    """Yield a pool with as many threads as torch would use for one operation.

    By default each of these threads would run torch on all cores, and they would slow each other down.
    """
    cores = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(cores, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield pool
    finally:
        torch.set_num_threads(cores)  # some libraries have one setting for all threads


def in_order(
    pool: ThreadPoolExecutor,
    work: Callable[[_Item], _Output],
    items: Iterable[_Item],
    together: int = 1,
    ahead: int | None = None,
) -> Iterator[_Output]:
    """Apply a function to items in parallel and yield the results in order.

    Args:
        pool: The threads.
        work: Called for each item.
        items: The items.
        together: Items per task; more than one where each takes little time.
        ahead: Largest number of unfinished tasks; ``None`` for two per core.
    """

    def each(some: list[_Item]) -> list[_Output]:
        return [work(item) for item in some]

    rest, tasks = iter(items), deque[Future[list[_Output]]]()
    limit = ahead or 2 * (os.cpu_count() or 2)
    while some := list(islice(rest, together)):
        tasks.append(pool.submit(each, some))
        if len(tasks) > limit:
            yield from tasks.popleft().result()
    while tasks:
        yield from tasks.popleft().result()
