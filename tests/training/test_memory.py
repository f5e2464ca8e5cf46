import mmap
import sys

import pytest
import torch

from handshape.training.memory import peak_memory


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says")
def test_peak_memory__counts_what_is_gone_again() -> None:
    with peak_memory(torch.device("cpu")) as little:
        pass
    # Asked of the system itself: an allocator would take memory that the process has already.
    with peak_memory(torch.device("cpu")) as much, mmap.mmap(-1, 60_000_000) as held:
        held.write(b"1" * len(held))
    if little.megabytes is None or much.megabytes is None:
        pytest.skip("this kernel does not say")
    assert much.megabytes > little.megabytes + 30
