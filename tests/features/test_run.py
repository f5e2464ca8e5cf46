import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from handshape.data.images.prepared import InMemoryImages
from handshape.errors import DataError
from handshape.features.run import ON_AN_ACCELERATOR, run_in_torch, to_device

COUNT = 2 * ON_AN_ACCELERATOR + 3
PIXELS = np.arange(COUNT, dtype=np.uint16).view(np.uint8).reshape(COUNT, 1, 2, 1)[:, :, :, [0, 0, 0]]
IMAGES = InMemoryImages(np.ascontiguousarray(PIXELS))
CPU = torch.device("cpu")


def index_of(images: Tensor) -> Tensor:
    """Return (B, 1), what the pixels say the index is."""
    return (images[:, 0, 0, :1].long() + 256 * images[:, 0, 1, :1].long()).half()


def plain(batch: Tensor, indices: NDArray[np.int64]) -> Tensor:
    return batch


@pytest.mark.parametrize("indices", [range(COUNT), [5], [200, 3, 4, 258, 0], []])
def test_run_in_torch__every_image_in_order(indices: range | list[int]) -> None:
    asked = np.array(list(indices), dtype=np.int64)
    parts = list(run_in_torch(index_of, CPU, plain, IMAGES, asked))
    assert np.concatenate([[], *(batch for batch, _ in parts)]).tolist() == asked.tolist()
    rows = np.concatenate([np.zeros((0, 1)), *(rows for _, rows in parts)])
    np.testing.assert_array_equal(rows[:, 0], asked)


def test_run_in_torch__an_error_comes_after_what_was_done() -> None:
    def fail(batch: Tensor, indices: NDArray[np.int64]) -> Tensor:
        if COUNT - 1 in indices:
            raise DataError("wrong", "right", "do it")
        return batch

    done = []
    with pytest.raises(DataError, match="wrong"):
        for batch, _ in run_in_torch(index_of, CPU, fail, IMAGES, np.arange(COUNT)):
            done += batch.tolist()
    assert done == list(range(len(done))) and len(done) >= ON_AN_ACCELERATOR


def test_to_device__the_same_pixels() -> None:
    sent = to_device(PIXELS, CPU)
    assert sent.dtype == torch.uint8
    np.testing.assert_array_equal(sent.numpy(), PIXELS)
