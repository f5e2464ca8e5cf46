"""Too little memory for a single photo: one line says so."""

import re
import resource
from pathlib import Path

import pytest
from tests.conftest import draw_photos
from tests.processes import Process, Starter

from handshape.bundle import BundleConfig
from handshape.models.backbones.registry import load_backbone
from handshape.models.heads import Head, Pool
from handshape.models.network_config import HeadConfig, NetworkConfig
from handshape.models.sign_network import BackboneClassifier
from handshape.network_bundle import recogniser_of

pytestmark = pytest.mark.slow

_MB = 1024**2


def held(process: Process) -> int:
    """Bytes that a command holds now; 0 for one that has ended."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    found = re.search(r"^VmData:\s+(\d+) kB$", status, re.MULTILINE)
    return 1024 * int(found[1]) if found else 0


def limit(process: Process, most: int) -> Process:
    """Give a command no more than so many bytes; what is only reserved does not count."""
    resource.prlimit(process.pid, resource.RLIMIT_DATA, (most, most))
    return process


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


def test_predict__memory_for_nothing(starter: Starter, bundle: Path, tmp_path: Path) -> None:
    photo = next(draw_photos(tmp_path / "photos", "A", signers=1, images=1).rglob("*.png"))
    process = starter.run("predict", bundle, photo, "--json")
    limit(process, held(process) + 4 * _MB)  # less than an image's first layer takes
    assert re.fullmatch(
        r"handshape predict: not enough memory.*; expected more.*; close other programs, or .*",
        process.failed(),
    )
