"""A pool of threads, and work done in parallel whose results keep their order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from handshape.threads import threads

_Item = TypeVar("_Item")
_Output = TypeVar("_Output")


def workers() -> ThreadPoolExecutor:
    """Return a pool of as many threads as may work at once, to be closed by ``with``."""
    return ThreadPoolExecutor(threads())


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
        ahead: Largest number of unfinished tasks; ``None`` for two per thread.
    """

    def each(some: list[_Item]) -> list[_Output]:
        return [work(item) for item in some]

    rest, tasks = iter(items), deque[Future[list[_Output]]]()
    limit = ahead or 2 * threads()
    while some := list(islice(rest, together)):
        tasks.append(pool.submit(each, some))
        if len(tasks) > limit:
            yield from tasks.popleft().result()
    while tasks:
        yield from tasks.popleft().result()
