import sys

import numpy as np
import pytest
import torch

from handshape.training.memory import peak_memory


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says")
def test_peak_memory__counts_what_is_gone_again() -> None:
    with peak_memory(torch.device("cpu")) as little:
        pass
    with peak_memory(torch.device("cpu")) as much:
        held = np.ones(60_000_000, dtype=np.uint8)
        del held
    if little.megabytes is None or much.megabytes is None:
        pytest.skip("this kernel does not say")
    assert much.megabytes > little.megabytes + 30
