"""Extraction on a cluster of three nodes."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pytest
from tests.conftest import draw_photos

NOT_THERE = find_spec("ray") is None
pytestmark = [
    pytest.mark.skipif(NOT_THERE, reason="the extra `ray` is not installed"),
    pytest.mark.slow,
    pytest.mark.xdist_group("ray"),
    # Ray starts its processes by forks that become programs of their own at once.
    pytest.mark.filterwarnings("ignore:lance is not fork-safe"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),
]

Contents = dict[tuple[str, int], bytes]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos, one of them twice and two that cannot be used."""
    root = draw_photos(tmp_path_factory.mktemp("ray") / "photos", "AB", signers=4, images=20)
    shutil.copy(root / "A" / "signer1_0.png", root / "B" / "copy.png")
    (root / "A" / "broken.jpg").write_bytes(b"\xff\xd8 no photo")
    (root / "A" / "empty.png").touch()
    return root


def contents(store: Path) -> Contents:
    """Every row of features in a store, none of them doubled."""
    found: Contents = {}
    for path in (store / "features").glob("*.lance"):
        rows = lance.dataset(str(path)).to_table()
        keys = list(zip(rows["digest"].to_pylist(), rows["view"].to_pylist(), strict=True))
        flat = rows["features"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        assert len(set(keys)) == len(keys) and not found.keys() & set(keys)
        found |= zip(keys, map(np.ndarray.tobytes, flat.reshape(len(keys), -1)), strict=True)
    return found


def words(data: object, store: Path, *more: object) -> tuple[object, ...]:
    return ("features", data, "--backbone", "handnet", "--device", "cpu", "--store", store, "--json", *more)


@pytest.fixture(scope="module")
def local(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Contents]:
    """What the local engine says and stores."""
    from handshape.commands.features import features
    from handshape.config.use import FeaturesConfig

    store = tmp_path_factory.mktemp("local") / "store"
    told = features(FeaturesConfig(data=str(photos), backbone="handnet", device="cpu", store=store, views=1))
    return told, contents(store)


@pytest.mark.parametrize("as_address", [False, True])
def test_features__the_rows_of_the_local_engine(
    cli: Callable[..., Any],
    ray_cluster: Any,
    photos: Path,
    local: tuple[dict[str, Any], Contents],
    tmp_path: Path,
    as_address: bool,
) -> None:
    data, store = photos.as_uri() if as_address else photos, tmp_path / "store"
    ray = words(data, store, "--engine", "ray", "--address", ray_cluster.address, "--views", 1)
    told = cli(*ray).json
    expected, rows = local
    assert {**told, "store": ""} == {**expected, "store": ""}
    assert [one["path"] for one in told["unreadable"]] == ["A/broken.jpg", "A/empty.png"]
    assert contents(store) == rows and len(rows) == 2 * 160
    before = {path: path.stat().st_mtime_ns for path in store.glob("features/*/data/*")}
    assert cli(*ray).json == told
    assert {path: path.stat().st_mtime_ns for path in store.glob("features/*/data/*")} == before


def test_features__ray_keeps_off_the_terminal(ray_cluster: Any, photos: Path, tmp_path: Path) -> None:
    ray = words(photos, tmp_path / "store", "--engine", "ray", "--address", ray_cluster.address)
    command = [sys.executable, "-c", "from handshape.cli import main; main()", *map(str, ray)]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert json.loads(finished.stdout)["images"] == 161
    said = [line.split(":")[0] for line in finished.stderr.splitlines()]
    assert set(said) == {"Extracting features", "2 files left out, the first"}
