"""One flipped bit anywhere in the cache: results stay the same, and one line says what was made anew."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from tests.conftest import draw_photos
from tests.damage import FLIPS, flip, flipped

from handshape.cache.integrity import read_sealed, seal, unseal, until_sound
from handshape.cache.table import CacheTable
from handshape.data.augment import Views
from handshape.data.images.index import ImageIndex, index_images
from handshape.data.images.prepared import read_batch
from handshape.data.io.folder import read_folder
from handshape.errors import OutputError
from handshape.features.extract import Extractor, features_of
from handshape.features.hand_landmarks import HandCache
from handshape.inference.graphs import write_graph
from handshape.models.backbones.registry import load_backbone
from handshape.progress import show_progress


@pytest.fixture(autouse=True)
def _said() -> Iterator[None]:
    show_progress(True)
    yield
    show_progress(False)


class Cached:
    """Two photos and what the cache keeps of them."""

    def __init__(self, place: Path) -> None:
        self.place, self.cache = place, place / "cache"
        self.data = read_folder(draw_photos(place / "photos", "AB", signers=1, images=1))
        self.extractor = Extractor(load_backbone("handnet"), 2, Views(), torch.device("cpu"))

    def index(self) -> ImageIndex:
        return index_images(
            self.data,
            self.cache,
            size=self.extractor.backbone.preprocessing.size,
            facts=HandCache(self.cache),
        )

    def facts(self) -> Any:
        index, finder = self.index(), HandCache(self.cache)
        hands = finder.rows(index.digests, [one.path for one in index.dataset.samples])
        return (
            index.stats,
            hands.rows.tolist(),
            finder.points(index.digests).tolist(),
            hands.right_hand.tolist(),
        )

    def images(self) -> Any:
        index = self.index()
        return read_batch(index.images, [1, 0]).tolist()

    def features(self) -> Any:
        index = self.index()
        return features_of(self.extractor, index.images, index.digests, self.cache).tolist()


@pytest.fixture(scope="module")
def cached(tmp_path_factory: pytest.TempPathFactory) -> Cached:
    made = Cached(tmp_path_factory.mktemp("integrity"))
    made.features()
    return made


KEPT: dict[str, tuple[str, Callable[[Cached], Any]]] = {
    "features": ("features/handnet*.lance/**/*", Cached.features),
    "images": ("images/*", Cached.images),
    "index": ("facts-*.lance/**/*", Cached.facts),
    "landmarks": ("features/hands-*.lance/**/*", Cached.facts),
}


@pytest.mark.parametrize("count", FLIPS)
@pytest.mark.parametrize("kept", KEPT)
def test_flipped_bit__in_the_cache(
    cached: Cached, kept: str, count: int, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pattern, read = KEPT[kept]
    expected, whole = read(cached), tmp_path / "whole"
    shutil.copytree(cached.cache, whole)
    said = 0
    for seed in range(count):
        files = sorted(path for path in cached.cache.glob(pattern) if path.is_file())
        files = [path for path in files if path.stat().st_size]
        damaged = files[seed % len(files)]
        damaged.write_bytes(flip(damaged.read_bytes(), seed))
        capsys.readouterr()
        assert read(cached) == expected, (damaged, seed)
        text = capsys.readouterr().err
        assert "Traceback" not in text and "panicked" not in text
        said += "made anew" in text
        assert read(cached) == expected
        assert "made anew" not in capsys.readouterr().err or kept == "images"  # once
        shutil.rmtree(cached.cache)
        shutil.copytree(whole, cached.cache)
    assert said


@pytest.mark.parametrize("cut", [0, 10, -10])
@pytest.mark.parametrize("kept", KEPT)
def test_cut_or_garbage__in_the_cache(
    cached: Cached, kept: str, cut: int, capsys: pytest.CaptureFixture[str]
) -> None:
    pattern, read = KEPT[kept]
    expected = read(cached)
    for path in [path for path in cached.cache.glob(pattern) if path.is_file()]:
        if path.suffix in (".lance", ".manifest", ".rgb", ".crc"):
            path.write_bytes(path.read_bytes()[:cut] or b"garbage" * 20)
    assert read(cached) == expected
    text = capsys.readouterr().err
    assert "Traceback" not in text and "panicked" not in text


@pytest.mark.parametrize("count", [100])
def test_flipped_bit__in_a_cached_graph(tmp_path: Path, count: int) -> None:
    content, file = bytes(range(256)) * 40, tmp_path / "graphs" / "a.graph"
    write_graph(file, content)
    assert [read_sealed(file) for _ in flipped([file], count)] == [None] * count
    assert read_sealed(file) == content
    assert read_sealed(tmp_path / "none.graph") is None


def test_unseal__what_is_too_short() -> None:
    assert unseal(b"") is unseal(b"abc") is None
    assert unseal(seal(b"")) == b""


def test_table__of_another_version(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = CacheTable(tmp_path / "t.lance", {"other": pa.int64()}, {})
    before.append(["a"], 0, {"other": pa.array([1])})
    table = CacheTable(tmp_path / "t.lance", {"value": pa.int64()}, {})
    assert table.rows(["a"], 0).tolist() == [-1]
    assert "t.lance was written by another version of handshape. It is made anew." in capsys.readouterr().err
    table.append(["a"], 0, {"value": pa.array([2])})
    assert table.read(table.rows(["a"], 0))["value"].to_pylist() == [2]


def test_until_sound__gives_up_on_a_disk_that_keeps_nothing(tmp_path: Path) -> None:
    table = CacheTable(tmp_path / "t.lance", {"value": pa.list_(pa.float16(), 64)}, {})
    row = np.arange(64, dtype=np.float16)

    def read() -> None:
        if (table.rows(["a"], 0) < 0).any():
            table.append(["a"], 0, {"value": pa.FixedSizeListArray.from_arrays(pa.array(row), 64)})
        for file in table.path.glob("data/*.lance"):
            file.write_bytes(file.read_bytes().replace(row[9:40].tobytes(), row[8:39].tobytes()))
        table.read(table.rows(["a"], 0))

    with pytest.raises(OutputError, match="lost again and again"):
        until_sound(read)
