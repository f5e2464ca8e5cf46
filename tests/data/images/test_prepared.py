import re
import threading
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from torch.utils.data import Subset

from handshape.data.dataset import Sample
from handshape.data.images.decode import Preprocessing
from handshape.data.images.prepared import (
    BatchedDataset,
    BatchIndices,
    ImageFiles,
    InMemoryImages,
    content_digest,
    prefetch,
    read_batch,
)
from handshape.errors import DataError


def photos(folder: Path, count: int = 3) -> tuple[list[Sample], list[str]]:
    samples = []
    for number in range(count):
        path = folder / f"{number}.png"
        Image.new("RGB", (10 + number, 8), (40 * number, 10, 20)).save(path)
        samples.append(Sample(path, path.name, "A"))
    return samples, [content_digest(sample.path.read_bytes()) for sample in samples]


def test_content_digest__stands_for_the_content() -> None:
    assert content_digest(b"a") == content_digest(b"a") != content_digest(b"b")
    assert re.fullmatch("[0-9a-f]{32}", content_digest(b""))


def test_in_memory_images__one_or_a_batch_or_a_subset() -> None:
    array = np.arange(4, dtype=np.uint8).reshape(4, 1, 1, 1).repeat(3, axis=-1)
    images = InMemoryImages(array)
    assert len(images) == 4 and images[2].tolist() == [[[2, 2, 2]]]
    taken = read_batch(images, [2, 0, 0])
    assert taken[:, 0, 0, 0].tolist() == [2, 0, 0]
    taken[:] = 9  # a copy
    assert read_batch(images, np.array([1]))[0, 0, 0, 0] == 1
    assert read_batch(Subset(images, [3, 1]), [1, 0])[:, 0, 0, 0].tolist() == [1, 3]


def test_image_files__prepares_on_demand(tmp_path: Path) -> None:
    samples, digests = photos(tmp_path)
    images = ImageFiles(samples, digests, Preprocessing(8))
    assert len(images) == 3
    taken = read_batch(images, np.array([2, 0]))
    assert taken.shape == (2, 8, 8, 3)
    assert taken[:, 0, 0].tolist() == [[80, 10, 20], [0, 10, 20]]


@pytest.mark.parametrize("how", ["replaced", "removed"])
def test_image_files__a_file_that_changed(tmp_path: Path, how: str) -> None:
    samples, digests = photos(tmp_path)
    images = ImageFiles(samples, digests, Preprocessing(8))
    if how == "replaced":
        samples[2].path.replace(samples[1].path)
    else:
        samples[1].path.unlink()
    message = "'1.png' changed while it was being used"
    with pytest.raises(DataError, match="^" + re.escape(message)):
        read_batch(images, [0, 1])


class Slow(BatchedDataset[NDArray[np.uint8]]):
    """Images that say which thread takes them."""

    def __init__(self) -> None:
        self.threads: list[str] = []
        self.taken: list[list[int]] = []

    def __len__(self) -> int:
        return 10

    def __getitems__(self, indices: BatchIndices) -> NDArray[np.uint8]:
        self.threads.append(threading.current_thread().name)
        self.taken.append(list(indices))
        if 7 in indices:
            raise DataError("wrong", "right", "do it")
        return np.array(indices, dtype=np.uint8)


@pytest.mark.parametrize("batches", [[], [[3]], [[1, 2], [0], [5, 4]]])
def test_read_ahead__every_batch_in_order(batches: list[list[int]]) -> None:
    images = Slow()
    read = prefetch(images, [np.array(batch, dtype=np.int64) for batch in batches])
    assert [batch.tolist() for batch in read] == batches
    assert threading.current_thread().name not in images.threads


def test_read_ahead__is_one_batch_ahead() -> None:
    images = Slow()
    read = prefetch(images, [np.array([n], dtype=np.int64) for n in range(6)])
    assert next(read).tolist() == [0]
    assert len(images.taken) <= 2
    read.close()  # type: ignore[attr-defined]
    assert len(images.taken) == 2


def test_read_ahead__an_error_comes_through() -> None:
    read = prefetch(Slow(), [np.array([n], dtype=np.int64) for n in (1, 7, 2)])
    assert next(read).tolist() == [1]
    with pytest.raises(DataError, match="wrong"):
        list(read)
