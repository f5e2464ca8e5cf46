from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from handshape.data.images.prepared import InMemoryImages
from handshape.errors import DataError
from handshape.features.run import ON_AN_ACCELERATOR, run_on_accelerator, run_on_cores, to_device

COUNT = 2 * ON_AN_ACCELERATOR + 3
PIXELS = np.arange(COUNT, dtype=np.uint16).view(np.uint8).reshape(COUNT, 1, 2, 1)[:, :, :, [0, 0, 0]]
IMAGES = InMemoryImages(np.ascontiguousarray(PIXELS))


def index_of(prepared: NDArray[np.uint8], indices: NDArray[np.int64]) -> Tensor:
    """Return (B, 2): what the pixels say the index is, and what it is said to be."""
    read = prepared[:, 0, 0, 0].astype(np.int64) + 256 * prepared[:, 0, 1, 0].astype(np.int64)
    return torch.from_numpy(np.stack([read, indices], axis=1)).half()


@pytest.mark.parametrize("run", [run_on_cores, run_on_accelerator])
@pytest.mark.parametrize("indices", [range(COUNT), [5], [200, 3, 4, 258, 0], []])
def test_run__every_image_in_order(run: Callable[..., Any], indices: range | list[int]) -> None:
    asked = np.array(list(indices), dtype=np.int64)
    parts = list(run(index_of, IMAGES, asked))
    assert np.concatenate([[], *(batch for batch, _ in parts)]).tolist() == asked.tolist()
    rows = np.concatenate([np.zeros((0, 2)), *(rows for _, rows in parts)])
    np.testing.assert_array_equal(rows, np.stack([asked, asked], axis=1))


@pytest.mark.parametrize("run", [run_on_cores, run_on_accelerator])
def test_run__an_error_comes_after_what_was_done(run: Callable[..., Any]) -> None:
    def fail(prepared: NDArray[np.uint8], indices: NDArray[np.int64]) -> Tensor:
        if COUNT - 1 in indices:
            raise DataError("wrong", "right", "do it")
        return index_of(prepared, indices)

    done = []
    with pytest.raises(DataError, match="wrong"):
        for batch, _ in run(fail, IMAGES, np.arange(COUNT)):
            done += batch.tolist()
    assert done == list(range(len(done)))
    assert len(done) >= ON_AN_ACCELERATOR


def test_to_device__the_same_pixels() -> None:
    sent = to_device(PIXELS, torch.device("cpu"))
    assert sent.dtype == torch.uint8
    np.testing.assert_array_equal(sent.numpy(), PIXELS)
