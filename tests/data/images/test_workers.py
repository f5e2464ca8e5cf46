import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from handshape.data.images.workers import in_order, workers
from handshape.threads import set_threads


def test_workers__as_many_threads_as_are_set() -> None:
    set_threads(3)
    try:
        together = threading.Barrier(3)
        with workers() as pool:
            assert len(list(pool.map(lambda _: together.wait(timeout=30), range(3)))) == 3
    finally:
        set_threads(0)


def test_in_order__results_as_the_items_came() -> None:
    with workers() as pool:
        assert list(in_order(pool, lambda item: item * 2, range(100))) == list(range(0, 200, 2))
        assert list(in_order(pool, lambda item: item, [])) == []


def test_in_order__takes_no_more_than_it_has_room_for() -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for item in range(10_000):
            taken += 1
            yield item

    with workers() as pool:
        results = in_order(pool, lambda item: item, items())
        assert [next(results) for _ in range(3)] == [0, 1, 2]
        assert taken < 500
        results.close()  # type: ignore[attr-defined]


def test_in_order__as_many_at_once_as_are_asked_for() -> None:
    together = threading.Barrier(7)

    def wait(item: int) -> int:
        together.wait(timeout=30)  # all seven are there
        return item

    with ThreadPoolExecutor(7) as pool:
        assert list(in_order(pool, wait, range(14), ahead=7)) == list(range(14))


def test_in_order__an_error_comes_in_its_turn() -> None:
    with workers() as pool:
        results = in_order(pool, lambda item: 1 // item, [1, 1, 0, 1])
        assert [next(results), next(results)] == [1, 1]
        with pytest.raises(ZeroDivisionError):
            next(results)
