"""What all tests share: drawn photos, the real ones where they are, and no way out to a network."""

import gc
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zlib import crc32

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image, ImageDraw

from .processes import Starter
from .programs import need
from .serving import Running

# Tests run side by side; networks with a thread for each core would stand in each other's way, most of all
# while such threads wait: by themselves they spin.
os.environ |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}

SHARED = os.environ.get("HANDSHAPE_DATA")
WEIGHTS = os.environ.get("HANDSHAPE_WEIGHTS")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run take one part of the tests, such as ``--part 0/3``."""
    parser.addoption("--part", help="K/N: only the K-th of N parts of the test files")


def pytest_configure() -> None:
    """Let Python's garbage collector rest while modules are imported: nearly nothing of them is garbage."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Let it work again, on what comes from now on."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests of the other parts; a file stays whole, for its tests share what they make."""
    part = config.getoption("--part")
    if part is None:
        return
    number, count = map(int, part.split("/"))
    mine = [item for item in items if crc32(item.location[0].encode()) % count == number]
    config.hook.pytest_deselected(items=[item for item in items if item not in mine])
    items[:] = mine


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the user's cache and weights out of the tests."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.delenv("HANDSHAPE_WEIGHTS", raising=False)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Take back the threads that a command has set: one is enough for the next test."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture
def public_path() -> Iterator[Path]:
    """A folder that another user can reach; pytest closes its own whenever a session begins."""
    with TemporaryDirectory() as place:
        yield Path(place)


@pytest.fixture
def shared_data() -> Path:
    """The real photos."""
    if SHARED is None:
        pytest.skip("HANDSHAPE_DATA is not set")
    return Path(SHARED)


@pytest.fixture
def shared_weights(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The real pretrained weights, found as a user's would be."""
    if WEIGHTS is None:
        pytest.skip("HANDSHAPE_WEIGHTS is not set")
    monkeypatch.setenv("HANDSHAPE_WEIGHTS", WEIGHTS)
    return Path(WEIGHTS)


def draw_shape(label: int, signer: int, index: int, size: int = 64) -> Image.Image:
    """Draw a photo: the shape says the label, the colour the signer, place and noise the index."""
    rng = np.random.default_rng([label, signer, index])
    image = Image.new("RGB", (size, size), (20, 20, 20))
    left, top = (int(v) for v in rng.integers(4, size // 3, 2))
    box = (left, top, left + size // 2, top + size // 2)
    skin = (90 + 40 * (signer % 4), 70 + 25 * (signer % 5), 60)
    pen = ImageDraw.Draw(image)
    (pen.ellipse, pen.rectangle, lambda b, fill: pen.line(b, fill, 9))[label % 3](box, fill=skin)
    noise = rng.integers(0, 12, (size, size, 3))
    return Image.fromarray((np.asarray(image) + noise).clip(0, 255).astype(np.uint8))


def draw_photos(root: Path, labels: str, signers: int, images: int) -> Path:
    """Draw a folder of photos: ``<label>/signer<n>_<index>.png``."""
    for number, label in enumerate(labels):
        (root / label).mkdir(parents=True)
        for signer in range(1, signers + 1):
            for index in range(images):
                draw_shape(number, signer, index).save(root / label / f"signer{signer}_{index}.png")
    return root


@pytest.fixture
def make_photos(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that draws a folder of photos: ``<label>/signer<n>_<index>.png``."""

    def make(labels: str = "ABC", signers: int = 4, images: int = 3, name: str = "photos") -> Path:
        return draw_photos(tmp_path / name, labels, signers, images)

    return make


@dataclass(frozen=True)
class Finished:
    """A run of `compare` with its default models.

    Args:
        out: Its directory.
        photos: What it was trained on: three labels, four signers, two photos of each.
        cache: Its feature cache.
        metrics: What the command returned.
    """

    out: Path
    photos: Path
    cache: Path
    metrics: dict[str, Any]


def shared_folder(factory: pytest.TempPathFactory, name: str) -> Path:
    """Return a folder that all processes which run tests side by side have in common."""
    base = factory.getbasetemp()
    return (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / name


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A finished run that tests look at and leave as it is, made once for all processes."""
    place = shared_folder(tmp_path_factory, "finished")
    with FileLock(f"{place}.lock"):
        if not (place / "run").is_dir():
            _finish(place)
    metrics = json.loads((place / "run" / "metrics.json").read_text(encoding="utf-8"))
    return Finished(place / "run", place / "photos", place / "cache", metrics)


def _finish(place: Path) -> None:
    from handshape.commands.compare import compare
    from handshape.config.train import CompareConfig
    from handshape.threads import set_threads

    set_threads(0)  # as the command line does: sums in another order differ in the last digits
    photos = draw_photos(place / "photos", "ABC", signers=4, images=2)
    config = CompareConfig(
        data=photos,
        signer=r"signer(\d+)_",
        backbone="squeezenet1_1",
        weights="untrained",
        epochs=1,
        cache=place / "cache",
        device="cpu",
        out=place / "run",
    )
    compare(config)


@dataclass(frozen=True)
class Answer:
    """What a command left behind: its exit code and what it printed on each of the two streams."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must be one JSON value and nothing else."""
        return json.loads(self.out)


@pytest.fixture
def cli() -> Iterator[Callable[..., Answer]]:
    """Run the command line in this process."""
    from typer.testing import CliRunner

    from handshape.cli import app
    from handshape.progress import show_progress

    def run(*words: object) -> Answer:
        result = CliRunner().invoke(app, [str(word) for word in words])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Answer(result.exit_code, result.stdout, result.stderr)

    yield run
    show_progress(False)


@pytest.fixture(scope="session")
def web_runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of onnxruntime-web's files, fetched once for all processes."""
    from handshape.export import webruntime

    need("npm")
    shared = shared_folder(tmp_path_factory, "web-runtime")
    with FileLock(f"{shared}.lock"), pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(shared))
        return webruntime.find_runtime(None)


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    yield tmp_path


@pytest.fixture(scope="session")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starter]:
    """Starts commands as processes of their own, quickly."""
    started = Starter(tmp_path_factory.mktemp("said"))
    yield started
    started.close()


@pytest.fixture
def serve(starter: Starter, finished: Finished, tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Start ``handshape serve`` on a finished run as a process of its own, with photos of its own."""
    started: list[Running] = []

    def start(*words: object, **environment: str) -> Running:
        own = () if "--teach" in words else ("--teach", tmp_path / f"photos-{len(started)}")
        started.append(Running(starter, environment, finished.out, *words, *own))
        return started[-1]

    yield start
    for one in started:
        one.process.send(signal.SIGKILL)
        one.process.wait()


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[Any]:
    """Two nodes of one core each, started once; tests that use it are in the group ``ray``."""
    from tests.clusters import two_nodes

    with two_nodes() as made:
        yield made


@pytest.fixture(scope="session")
def _s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    from tests.s3 import s3_server

    with s3_server(tmp_path_factory.mktemp("s3") / "swift") as environment:
        yield environment


@pytest.fixture
def s3(_s3_server: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Callable[[Path, str], None]:
    """A real S3 server that the environment names; returns a function that puts a folder into a bucket."""
    from tests.s3 import put

    for name, value in _s3_server.items():
        monkeypatch.setenv(name, value)
    return put
