from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from handshape.data.images.in_memory_index import index_in_memory
from handshape.data.images.index import index_images
from handshape.data.images.prepared import read_batch
from handshape.data.io.folder import read_folder
from handshape.errors import DataError, ShapeError


def test_scan_given__files_are_those_of_the_folder(make_photos: Callable[..., Path], tmp_path: Path) -> None:
    root, cache_dir = make_photos("AB", signers=2, images=2), tmp_path / "cache"
    folder = index_images(read_folder(root), cache_dir, size=32)
    paths = [sample.path for sample in folder.dataset.samples]
    given = index_in_memory(paths, folder.dataset.classes, ("A", "B"), cache_dir, size=32)
    assert given.digests == folder.digests and given.stats == folder.stats
    assert np.array_equal(read_batch(given.images, range(8)), read_batch(folder.images, range(8)))
    assert len(list((cache_dir / "images").glob("*.rgb"))) == 1  # read once, held once


def test_scan_given__keeps_the_order_and_the_signers(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (40, 50, 3), dtype=np.uint8) for _ in range(3)]
    classes = np.array([1, 0, 1])
    indexed = index_in_memory(images, classes, ("A", "B"), tmp_path, signers=["x", None, "y"], size=32)
    assert indexed.dataset.classes.tolist() == [1, 0, 1]
    assert [sample.signer for sample in indexed.dataset.samples] == ["x", None, "y"]
    assert len(set(indexed.digests)) == 3 and read_batch(indexed.images, [0, 1, 2]).shape == (3, 32, 32, 3)
    again = index_in_memory([Image.fromarray(one) for one in images], classes, ("A", "B"), tmp_path, size=32)
    assert again.digests == indexed.digests


def test_scan_given__arrays_of_one_content_and_two_shapes_differ(tmp_path: Path) -> None:
    flat = np.zeros(48 * 3, np.uint8)
    images = [flat.reshape(6, 8, 3), flat.reshape(8, 6, 3)]
    assert len(set(index_in_memory(images, np.zeros(2, np.int64), ("A",), tmp_path, size=32).digests)) == 2


def test_scan_given__what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"a.png': not an image, or of an unknown format"):
        index_in_memory([tmp_path / "a.png"], np.zeros(1, np.int64), ("A",), tmp_path / "cache")
    with pytest.raises(ShapeError, match=r"\(8, 8\) and type uint8"):
        index_in_memory([np.zeros((8, 8), np.uint8)], np.zeros(1, np.int64), ("A",), tmp_path / "cache")
