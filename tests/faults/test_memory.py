"""Too little memory for a batch: it is halved, that is said, and the results are those of another run."""

import json
import re
import resource
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.conftest import draw_photos
from tests.processes import Process, Starter

from handshape.bundle import BundleConfig
from handshape.models.backbones.registry import load_backbone
from handshape.models.heads import Head, Pool
from handshape.models.network_config import HeadConfig, NetworkConfig
from handshape.models.sign_network import BackboneClassifier
from handshape.network_bundle import recogniser_of

pytestmark = pytest.mark.slow

HALVED = re.compile(r"^Out of memory: continuing with \d+ images? at a time\.$", re.MULTILINE)
# Fewer heaps of threads' own, which are not all as full in every run.
FEW_HEAPS = {"MALLOC_ARENA_MAX": "2"}
_MB = 1024**2


def held(process: Process) -> int:
    """Bytes that a command holds now; 0 for one that has ended."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    found = re.search(r"^VmData:\s+(\d+) kB$", status, re.MULTILINE)
    return 1024 * int(found[1]) if found else 0


def most_held(process: Process) -> int:
    """Wait until a command has ended well; return how many bytes it held at most."""
    most = 0

    def look() -> bool:
        nonlocal most
        most = max(most, held(process))
        return False

    process.wait(look)
    process.done()
    return most


def limit(process: Process, most: int) -> Process:
    """Give a command no more than so many bytes; what is only reserved does not count."""
    resource.prlimit(process.pid, resource.RLIMIT_DATA, (most, most))
    return process


def rows_of(cache_dir: Path) -> dict[str, NDArray[np.float16]]:
    (path,) = (cache_dir / "features").glob("*.lance")
    return {
        row["digest"]: np.array(row["features"]) for row in lance.dataset(str(path)).to_table().to_pylist()
    }


def with_less(begin: Callable[[str], Process], most: int, megabytes: Sequence[int]) -> tuple[str, Process]:
    """Run a command with less and less memory until it halves a batch; what it holds varies from run to run.

    Returns:
        The name that it was begun with, and the command, which has ended well.
    """
    said = []
    for less in megabytes:
        process = limit(begin(f"less-{less}"), most - less * _MB)
        if process.wait() == 0 and HALVED.search(process.err):
            return f"less-{less}", process
        said.append(f"{less} MB less: {process.code}, {process.err}")
    raise AssertionError("\n".join(said))


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle whose first layer makes much of each image."""
    backbone, head = load_backbone("squeezenet1_0", "untrained"), HeadConfig("linear", 2)
    channels, *places = shape = backbone.feature_shape
    network = BackboneClassifier(backbone, Pool(2, *places), Head(channels * 4, 2, head))
    config = NetworkConfig("frozen", 2, backbone.preprocessing, "squeezenet1_0", shape, head)
    described = BundleConfig(("A", "B"), config)
    recogniser_of(network, described, tmp_path / "cache").save(tmp_path / "bundle", "A card.")
    return tmp_path / "bundle"


def answers(process: Process) -> list[tuple[str, Any]]:
    return [(one["path"], pytest.approx(one["probability"], abs=1e-4)) for one in json.loads(process.out)]


def test_predict__memory_for_nothing(starter: Starter, bundle: Path, tmp_path: Path) -> None:
    photo = next(draw_photos(tmp_path / "photos", "A", signers=1, images=1).rglob("*.png"))
    process = starter.run("predict", bundle, photo, "--json")
    limit(process, held(process) + 4 * _MB)  # less than an image's first layer takes
    assert re.fullmatch(
        r"handshape predict: not enough memory.*; expected more.*; close other programs, or .*",
        process.failed(),
    )
