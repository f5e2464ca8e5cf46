"""Extraction on a cluster of two nodes, and of a third that is lost."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pytest
import torch
from fsspec.implementations.local import LocalFileSystem
from pyarrow.fs import FSSpecHandler, PyFileSystem
from tests.clusters import ON_RAY
from tests.conftest import draw_photos

from handshape.cache.location import open_cache
from handshape.cluster import join_cluster
from handshape.config.train import BackboneConfig
from handshape.data.io.folder import read_folder
from handshape.errors import ClusterError
from handshape.features.extract import make_extractor
from handshape.models.backbones.registry import load_backbone

pytestmark = ON_RAY

Contents = dict[tuple[str, int], bytes]
PROGRAM = [sys.executable, "-c", "from handshape.cli import main; main()"]
MOST = 16  # photos of a block, where there are no more than here


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos, one of them twice and two that cannot be used."""
    root = draw_photos(tmp_path_factory.mktemp("ray") / "photos", "AB", signers=4, images=10)
    shutil.copy(root / "A" / "signer1_0.png", root / "B" / "copy.png")
    (root / "A" / "broken.jpg").write_bytes(b"\xff\xd8 no photo")
    (root / "A" / "empty.png").touch()
    return root


def contents(cache_dir: Path) -> Contents:
    """Every row of features in a cache, none of them doubled."""
    found: Contents = {}
    for path in (cache_dir / "features").glob("*.lance"):
        rows = lance.dataset(str(path)).to_table()
        keys = list(zip(rows["digest"].to_pylist(), rows["view"].to_pylist(), strict=True))
        flat = rows["features"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        assert len(set(keys)) == len(keys) and not found.keys() & set(keys)
        found |= zip(keys, map(np.ndarray.tobytes, flat.reshape(len(keys), -1)), strict=True)
    return found


def words(data: object, cache_dir: Path, *more: object) -> tuple[object, ...]:
    return (
        "features",
        data,
        "--backbone",
        "handnet",
        "--device",
        "cpu",
        "--cache",
        cache_dir,
        "--json",
        *more,
    )


@pytest.fixture(scope="module")
def local(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Contents]:
    """What the local engine says and stores."""
    from handshape.commands.features import features
    from handshape.config.use import FeaturesConfig

    cache_dir = tmp_path_factory.mktemp("local") / "cache"
    told = features(
        FeaturesConfig(data=str(photos), backbone="handnet", device="cpu", cache=cache_dir, views=1)
    )
    return told, contents(cache_dir)


def test_features__the_rows_of_the_local_engine(
    cli: Callable[..., Any],
    ray_cluster: Any,
    photos: Path,
    local: tuple[dict[str, Any], Contents],
    tmp_path: Path,
) -> None:
    cache_dir, ray = tmp_path / "cache", ("--engine", "ray", "--address", ray_cluster.address, "--views", 1)
    told = cli(*words(photos.as_uri(), cache_dir, *ray)).json
    expected, rows = local
    assert {**told, "cache": ""} == {**expected, "cache": ""}
    assert [one["path"] for one in told["unreadable"]] == ["A/broken.jpg", "A/empty.png"]
    assert contents(cache_dir) == rows and len(rows) == 2 * 80
    before = {path: path.stat().st_mtime_ns for path in cache_dir.glob("features/*/data/*")}
    assert cli(*words(photos, cache_dir, *ray)).json == told
    assert {path: path.stat().st_mtime_ns for path in cache_dir.glob("features/*/data/*")} == before


def test_features__ray_keeps_off_the_terminal(
    ray_cluster: Any, photos: Path, local: tuple[dict[str, Any], Contents], tmp_path: Path
) -> None:
    ray = ("--views", 1, "--engine", "ray", "--address", ray_cluster.address)
    command = [*PROGRAM, *map(str, words(photos, tmp_path / "cache", *ray))]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert json.loads(finished.stdout)["images"] == 81
    said = [line.split(":")[0] for line in finished.stderr.splitlines()]
    assert set(said) == {"Data", "Not used (unreadable)", "Extracting features"}
    assert contents(tmp_path / "cache") == local[1]


def test_features__from_s3(
    photos: Path, local: tuple[dict[str, Any], Contents], s3: Callable[[Path, str], None], tmp_path: Path
) -> None:
    s3(photos, "photos")
    command = [*PROGRAM, *map(str, words("s3://photos", tmp_path / "cache", "--views", 1, "--engine", "ray"))]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert finished.returncode == 0, finished.stderr
    assert {**json.loads(finished.stdout), "cache": ""} == {**local[0], "cache": ""}
    assert contents(tmp_path / "cache") == local[1]


def test_features__strict(cli: Callable[..., Any], ray_cluster: Any, tmp_path: Path) -> None:
    photos = draw_photos(tmp_path / "photos", "A", signers=1, images=2)
    (photos / "A" / "empty.png").touch()
    ray = ("--engine", "ray", "--address", ray_cluster.address, "--strict")
    answer = cli(*words(photos, tmp_path / "cache", *ray))
    assert answer.code == 1
    assert "'A/empty.png': the file is empty; " in answer.err and "(--strict)" in answer.err


def test_features__no_photo_can_be_used(cli: Callable[..., Any], ray_cluster: Any, tmp_path: Path) -> None:
    (tmp_path / "photos" / "A").mkdir(parents=True)
    (tmp_path / "photos" / "A" / "1.png").touch()
    ray = ("--engine", "ray", "--address", ray_cluster.address)
    answer = cli(*words(tmp_path / "photos", tmp_path / "cache", *ray))
    assert answer.code == 1
    assert "none of the 1 files in" in answer.err and "'A/1.png', the file is empty" in answer.err


def test_features__gpus_that_the_cluster_does_not_have(
    cli: Callable[..., Any], ray_cluster: Any, photos: Path, tmp_path: Path
) -> None:
    ray = ("--engine", "ray", "--address", ray_cluster.address, "--device", "cuda")
    answer = cli(*words(photos, tmp_path / "cache", *ray))
    assert answer.code == 2
    assert "--device cuda; expected a cluster with GPUs; leave out --device" in answer.err


class Held(FSSpecHandler):  # type: ignore[misc]
    """Files of this machine; one node stops in its second block, and the others wait for that."""

    def __init__(self, files: LocalFileSystem, node: str, mark: Path) -> None:
        super().__init__(files)
        self.node, self.mark, self.read = node, mark, 0

    def open_input_stream(self, path: str) -> Any:
        import ray

        self.read += 1
        if ray.get_runtime_context().get_node_id() != self.node:
            while not self.mark.exists():
                time.sleep(0.05)
        elif self.read > MOST:
            self.mark.touch()
            time.sleep(3600)
        return super().open_input_stream(path)


def test_fill_on_cluster__a_node_lost_in_the_middle(
    ray_cluster: Any,
    photos: Path,
    local: tuple[dict[str, Any], Contents],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    node, mark = ray_cluster.add_node(num_cpus=1), tmp_path / "mark"

    def lose() -> None:
        deadline = time.monotonic() + 300
        while not mark.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        ray_cluster.remove_node(node, allow_graceful=False)

    loser = threading.Thread(target=lose)
    loser.start()
    with join_cluster(ray_cluster.address):
        from handshape.features import distributed as ray

        cache_dir = open_cache(tmp_path / "cache")
        extractor = make_extractor(load_backbone("handnet"), BackboneConfig(), torch.device("cpu"))
        system = PyFileSystem(Held(LocalFileSystem(), node.node_id, mark))
        filled = ray.fill_on_cluster(extractor, read_folder(photos), cache_dir, system=system, views=1)
    loser.join()
    assert mark.exists()
    assert len(filled.digests) == 81 and len(filled.unreadable) == 2
    assert contents(cache_dir) == local[1]
    assert capsys.readouterr().out == ""  # Ray would say there what it lost


class Deadly(FSSpecHandler):  # type: ignore[misc]
    """Files of this machine, one of which ends the process that opens it."""

    def open_input_stream(self, path: str) -> Any:
        if path.endswith("signer1_7.png"):
            os._exit(1)
        return super().open_input_stream(path)


def test_fill_on_cluster__a_photo_that_ends_its_worker_costs_its_block(
    ray_cluster: Any, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with join_cluster(ray_cluster.address):
        from handshape.features import distributed as ray

        monkeypatch.setattr(ray, "_TRIES", 2)
        dataset, cache_dir = read_folder(photos, labels="A"), open_cache(tmp_path / "cache")
        extractor = make_extractor(load_backbone("handnet"), BackboneConfig(), torch.device("cpu"))
        system = PyFileSystem(Deadly(LocalFileSystem()))
        message = (
            r"^(\d+) photos lost their workers 2 times, the first 'A/.*'; expected workers with "
            "memory enough that stay, and photos that crash none; see Ray's log, and run again"
        )
        with pytest.raises(ClusterError, match=message) as caught:
            ray.fill_on_cluster(extractor, dataset, cache_dir, system=system)
    lost = int(caught.value.wrong.split()[0])
    assert 0 < lost <= MOST and len(contents(cache_dir)) == 40 - lost
