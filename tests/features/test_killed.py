"""Whole processes that fill one store: killed at any moment, or two at once."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pytest

pytestmark = pytest.mark.slow


def start(photos: Path, store: Path) -> subprocess.Popen[str]:
    words = ("features", photos, "--backbone", "handnet", "--device", "cpu", "--store", store, "--json")
    program = "from handshape.cli import main; main()"
    command = [sys.executable, "-c", program, *map(str, words)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def finish(process: subprocess.Popen[str]) -> Any:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return json.loads(out)


def contents(store: Path) -> dict[tuple[str, int], bytes]:
    (table,) = (store / "features").glob("*.lance")
    rows = lance.dataset(str(table)).to_table()
    keys = list(zip(rows["digest"].to_pylist(), rows["view"].to_pylist(), strict=True))
    assert len(set(keys)) == len(keys)
    flat = rows["features"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return dict(zip(keys, map(np.ndarray.tobytes, flat.reshape(len(keys), -1)), strict=True))


def committed(store: Path) -> int:
    tables = [path for path in store.glob("features/*.lance") if any(path.glob("_versions/*.manifest"))]
    return sum(lance.dataset(str(path)).count_rows() for path in tables)


@pytest.fixture
def photos(make_photos: Callable[..., Path]) -> Path:
    return make_photos(labels="AB", signers=10, images=14)


@pytest.fixture
def undisturbed(photos: Path, tmp_path: Path) -> dict[tuple[str, int], bytes]:
    """What the store holds when nothing happens."""
    assert finish(start(photos, tmp_path / "undisturbed"))["images"] == 280
    return contents(tmp_path / "undisturbed")


def test_features__killed_at_any_moment(
    photos: Path, tmp_path: Path, undisturbed: dict[tuple[str, int], bytes]
) -> None:
    store = tmp_path / "store"
    kept = [0]
    # While the photos are read, and at the first commit of features.
    for moment in ("images/.*.partial", "features/*.lance/_versions/*.manifest"):
        process, deadline = start(photos, store), time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None and not any(store.glob(moment)):
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        kept.append(committed(store))
    assert kept[-1] > 0  # work that was done and committed
    assert kept == sorted(kept)
    finish(start(photos, store))
    assert contents(store) == undisturbed


def test_features__two_processes_at_once(
    photos: Path, tmp_path: Path, undisturbed: dict[tuple[str, int], bytes]
) -> None:
    both = [start(photos, tmp_path / "store") for _ in range(2)]
    for process in both:
        assert finish(process)["images"] == 280
    assert contents(tmp_path / "store") == undisturbed
