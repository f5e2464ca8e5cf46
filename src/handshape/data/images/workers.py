"""Threads that share the cores without fighting: one for each core, each running torch on that core only."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


@contextmanager
def workers() -> Iterator[ThreadPoolExecutor]:
    """Make as many threads as torch would use for one operation.

    Left alone, each of them would run each of its operations on all cores, in the way of the others.

    Yields:
        The pool; its threads are at their end when the block is left.
    """
    cores = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(cores, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield pool
    finally:
        torch.set_num_threads(cores)  # some of torch's libraries have one number for all threads


def in_order(
    pool: ThreadPoolExecutor,
    work: Callable[[Item], Result],
    items: Iterable[Item],
    together: int = 1,
    ahead: int | None = None,
) -> Iterator[Result]:
    """Work on items at once, a bounded number ahead of what is asked for.

    Args:
        pool: Does the work.
        work: Called for each item.
        items: Taken one after another.
        together: Items that one thread takes at a time: where each is little work, handing it over is more.
        ahead: Times ``together`` that are worked on before the first is asked for; ``None``: two a core.

    Yields:
        The results in the order of the items.
    """

    def each(some: list[Item]) -> list[Result]:
        return [work(item) for item in some]

    rest, begun = iter(items), deque[Future[list[Result]]]()
    most = ahead or 2 * (os.cpu_count() or 2)
    while some := list(islice(rest, together)):
        begun.append(pool.submit(each, some))
        if len(begun) > most:
            yield from begun.popleft().result()
    while begun:
        yield from begun.popleft().result()
