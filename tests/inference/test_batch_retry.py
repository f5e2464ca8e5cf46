import errno
import re
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import nn

from handshape.errors import MemoryFullError
from handshape.inference.batch_retry import Portions
from handshape.inference.memory import is_memory_full
from handshape.progress import show_progress


def no_more_than(most: int, tried: list[list[int]]) -> Callable[[list[slice]], list[int]]:
    """A memory that holds so many images at a time: torch is asked for what no machine has beyond that."""

    def do(cuts: list[slice]) -> list[int]:
        sizes = [cut.stop - cut.start for cut in cuts]
        tried.append(sizes)
        for size in sizes:
            torch.empty(1 if size <= most else 2**60, dtype=torch.uint8)
        return [place for cut in cuts for place in range(cut.start, cut.stop)]

    return do


@pytest.fixture
def said(capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[[], str]]:
    show_progress()
    yield lambda: capfd.readouterr().err
    show_progress(False)


def test_work__a_batch_that_fits_is_not_cut(said: Callable[[], str]) -> None:
    tried: list[list[int]] = []
    assert Portions().work(no_more_than(9, tried), 9) == list(range(9))
    assert tried == [[9]] and said() == ""


def test_work__halved_until_it_fits_and_from_then_on(said: Callable[[], str]) -> None:
    tried: list[list[int]] = []
    portions = Portions()
    assert portions.work(no_more_than(3, tried), 9) == list(range(9))
    assert tried == [[9], [4, 4, 1], [2, 2, 2, 2, 1]]
    assert said() == (
        "Out of memory: continuing with 4 images at a time.\n"
        "Out of memory: continuing with 2 images at a time.\n"
    )
    assert portions.work(no_more_than(3, tried), 3) == list(range(3))
    assert tried[3:] == [[2, 1]] and said() == ""


def test_work__batch_norm_sees_two_at_least(said: Callable[[], str]) -> None:
    network, tried = nn.Sequential(nn.BatchNorm1d(2)), list[list[int]]()
    assert Portions(network.train()).work(no_more_than(3, tried), 9) == list(range(9))
    assert tried == [[9], [4, 5], [2, 2, 2, 3]]
    assert "Batch norm then sees fewer at once, and figures may differ.\n" in said()
    tried.clear()
    assert Portions().work(no_more_than(1, tried), 0) == []
    tried.clear()
    Portions(network.eval()).work(no_more_than(1, tried), 2)
    assert tried == [[2], [1, 1]]


@pytest.mark.parametrize(("network", "words"), [(None, "1 image"), (nn.BatchNorm1d(2), "2 images")])
def test_work__not_even_the_smallest_fits(network: nn.Module | None, words: str) -> None:
    message = (
        f"not enough memory for {words} at a time; expected more memory; close other programs, or choose a "
        "smaller --backbone"
    )
    with pytest.raises(MemoryFullError, match=re.escape(message)):
        Portions(network).work(no_more_than(0, []), 8)


def test_work__another_error_is_not_about_memory() -> None:
    def fail(cuts: list[slice]) -> None:
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes do not fit"):
        Portions().work(fail, 4)


def test_is_memory_full__what_torch_and_python_raise() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_memory_full(caught.value)
    # oneDNN's whole message, in a process that was given 75 MB more than it had.
    assert is_memory_full(RuntimeError("could not create a primitive"))
    assert is_memory_full(MemoryError()) and is_memory_full(torch.OutOfMemoryError("CUDA out of memory."))
    assert is_memory_full(OSError(errno.ENOMEM, "Cannot allocate memory"))
    assert not is_memory_full(OSError("out of memory"))
