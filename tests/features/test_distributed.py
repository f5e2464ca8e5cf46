"""Extraction on a cluster of two nodes, and of a third that is lost."""

import json
import os
import shutil
import signal
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
from tests.clusters import NODES, ON_RAY
from tests.conftest import draw_photos

from handshape.cache.location import open_cache
from handshape.cluster import join_cluster
from handshape.config.train import BackboneConfig
from handshape.data.io.folder import read_folder
from handshape.errors import ClusterError
from handshape.features.extract import make_extractor
from handshape.features.hand_landmarks import HandCache
from handshape.models.backbones.registry import load_backbone
from handshape.models.hand.hand_finder import HandFinder
from handshape.synthetic.dataset import draw_dataset

pytestmark = ON_RAY

Contents = dict[tuple[str, str, int], list[bytes]]
PROGRAM = [sys.executable, "-c", "from handshape.cli import main; main()"]
MOST = 16  # photos of a block, where there are no more than here


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of hands, one of them twice and two that cannot be used."""
    root = tmp_path_factory.mktemp("ray") / "photos"
    draw_dataset(root, "AB", signers=4, images=10, size=120)
    (root / "truth.csv").unlink()
    shutil.copy(root / "A" / "signer1_A_0000.jpg", root / "B" / "copy.jpg")
    (root / "B" / "broken.jpg").write_bytes(b"\xff\xd8 no photo")
    (root / "B" / "empty.jpg").touch()
    return root


def contents(cache_dir: Path) -> Contents:
    """Every row of features and hands in a cache, none of them doubled."""
    found: Contents = {}
    for path in (cache_dir / "features").glob("*.lance"):
        rows = lance.dataset(str(path)).to_table().drop_columns(["checksum"])
        keys = [
            (path.name, *key)
            for key in zip(rows["digest"].to_pylist(), rows["view"].to_pylist(), strict=True)
        ]
        columns = [np.array(rows[name].to_pylist(), np.float32) for name in rows.column_names[2:]]
        assert len(set(keys)) == len(keys)
        found |= {key: [column[i].tobytes() for column in columns] for i, key in enumerate(keys)}
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


def test_features__what_is_missing_of_the_rows_of_the_local_engine(
    cli: Callable[..., Any],
    ray_cluster: Any,
    photos: Path,
    local: tuple[dict[str, Any], Contents],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cache_dir, ray = tmp_path / "cache", ("--engine", "ray", "--address", ray_cluster.address, "--views", 1)
    expected, rows = local
    digests = sorted({digest for _, digest, _ in rows})
    shutil.copytree(expected["cache"], cache_dir)
    for table in (cache_dir / "features").glob("*.lance"):  # of every third photo hand, features or both
        known = digests[::3] if table.name.startswith("hands") else digests[1::3]
        lance.dataset(str(table)).delete(f"digest IN ({', '.join(map(repr, digests[2::3] + known))})")
    told = cli(*words(photos.as_uri(), cache_dir, *ray)).json
    assert {**told, "cache": ""} == {**expected, "cache": ""}
    assert [one["path"] for one in told["unreadable"]] == ["B/broken.jpg", "B/empty.jpg"]
    assert contents(cache_dir) == rows and len(rows) == (2 + 1) * 80
    before = {path: path.stat().st_mtime_ns for path in cache_dir.glob("features/*/data/*")}
    assert cli(*words(photos, cache_dir, *ray)).json == told
    assert {path: path.stat().st_mtime_ns for path in cache_dir.glob("features/*/data/*")} == before
    monkeypatch.setattr(HandFinder, "find_with_mirrored", None)  # training looks for no hand again
    train = ("train", photos, "--model", "landmarks", "--cache", cache_dir, "--out", tmp_path / "run")
    assert cli(*train).code == 0


def test_features__from_s3(
    photos: Path, local: tuple[dict[str, Any], Contents], s3: Callable[[Path, str], None], tmp_path: Path
) -> None:
    s3(photos, "photos")
    command = [*PROGRAM, *map(str, words("s3://photos", tmp_path / "cache", "--views", 1, "--engine", "ray"))]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert finished.returncode == 0, finished.stderr
    assert {**json.loads(finished.stdout), "cache": ""} == {**local[0], "cache": ""}
    said = {line.split(":")[0] for line in finished.stderr.splitlines()}
    assert said == {"Data", "Not used (unreadable)", "Extracting features"}  # Ray keeps off the terminal
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
    """Files of this machine; one node stops in its second block, then another in its first.

    Args:
        files: The files.
        dying: Node that stops for good.
        slow: Node whose worker then waits to be continued.
        marks: Folder in which they say so.
    """

    def __init__(self, files: LocalFileSystem, dying: str, slow: str, marks: Path) -> None:
        super().__init__(files)
        self.dying, self.slow, self.marks, self.read = dying, slow, marks, 0

    def open_input_stream(self, path: str) -> Any:
        import ray

        self.read += 1
        node = ray.get_runtime_context().get_node_id()
        if node != self.dying:
            wait_for(self.marks / "dying")
        elif self.read > MOST:
            (self.marks / "dying").touch()
            time.sleep(3600)
        if node == self.slow:
            (self.marks / f"slow-{os.getpid()}").touch()
            wait_for(self.marks / "continued")
        elif node != self.dying:
            wait_for(self.marks / "slow-*")  # or this one might do all the work alone
        return super().open_input_stream(path)


def wait_for(pattern: Path) -> Path:
    """Return the first file of such a name, once there is one."""
    deadline = time.monotonic() + 300
    while not (found := sorted(pattern.parent.glob(pattern.name))):
        assert time.monotonic() < deadline, pattern
        time.sleep(0.05)
    return found[0]


def test_fill_on_cluster__of_three_nodes_one_is_lost_and_one_is_slow(
    ray_cluster: Any,
    photos: Path,
    local: tuple[dict[str, Any], Contents],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (slow,) = ray_cluster.worker_nodes
    dying = ray_cluster.add_node(num_cpus=1)

    def happen() -> None:
        wait_for(tmp_path / "dying")
        ray_cluster.remove_node(dying, allow_graceful=False)
        worker = int(wait_for(tmp_path / "slow-*").name.removeprefix("slow-"))
        os.kill(worker, signal.SIGSTOP)
        time.sleep(5)
        os.kill(worker, signal.SIGCONT)
        (tmp_path / "continued").touch()

    fate = threading.Thread(target=happen)
    fate.start()
    with join_cluster(ray_cluster.address):
        from handshape.features import distributed as ray

        cache_dir = open_cache(tmp_path / "cache")
        extractor = make_extractor(load_backbone("handnet"), BackboneConfig(), torch.device("cpu"))
        system = PyFileSystem(Held(LocalFileSystem(), dying.node_id, slow.node_id, tmp_path))
        filled = ray.fill_on_cluster(extractor, read_folder(photos), cache_dir, system=system, views=1)
    fate.join()
    assert (tmp_path / "continued").exists()
    assert len(filled.digests) == 81 and len(filled.unreadable) == 2
    assert contents(cache_dir) == local[1]
    assert capsys.readouterr().out == ""  # Ray would say there what it lost


class Logged(FSSpecHandler):  # type: ignore[misc]
    """Files of this machine, each of which leaves a byte in a log when it is opened."""

    def __init__(self, files: LocalFileSystem, log: Path) -> None:
        super().__init__(files)
        self.log = log

    def open_input_stream(self, path: str) -> Any:
        with self.log.open("ab") as file:
            file.write(b".")
        return super().open_input_stream(path)


def test_fill_on_cluster__workers_wait_for_a_slow_writer(
    ray_cluster: Any, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many, log, count = tmp_path / "photos" / "A", tmp_path / "log", 10 * MOST
    many.mkdir(parents=True)
    hands = sorted(photos.glob("*/signer*.jpg"))
    for number in range(count):  # what follows the end of a JPEG makes it another file
        data = hands[number % len(hands)].read_bytes()
        (many / f"{number}.jpg").write_bytes(data + number.to_bytes(2, "big"))
    read, add = list[int](), HandCache.add

    def slowly(*given: Any) -> None:
        while not read:  # the first time, until nothing more is read
            before = log.stat().st_size
            time.sleep(4)
            if log.stat().st_size == before:
                read.append(before)
        add(*given)

    monkeypatch.setattr(HandCache, "add", slowly)
    with join_cluster(ray_cluster.address):
        from handshape.features import distributed as ray

        monkeypatch.setattr(ray, "_AHEAD", 2)
        extractor = make_extractor(load_backbone("handnet"), BackboneConfig(), torch.device("cpu"))
        system = PyFileSystem(Logged(LocalFileSystem(), log))
        cache_dir = open_cache(tmp_path / "cache")
        filled = ray.fill_on_cluster(extractor, read_folder(many.parent), cache_dir, system=system)
    assert 0 < read[0] <= (1 + 2 * NODES) * MOST < count  # the block that is written, and two for each core
    assert len(filled.digests) == count and len(contents(cache_dir)) == 2 * count


class Deadly(FSSpecHandler):  # type: ignore[misc]
    """Files of this machine, one of which ends the process that opens it."""

    def open_input_stream(self, path: str) -> Any:
        if path.endswith("signer1_A_0007.jpg"):
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
    assert 0 < lost <= MOST and len(contents(cache_dir)) == 2 * (40 - lost)
