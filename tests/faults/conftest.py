import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from tests.faults.looks import contents, figures, images_held, leftovers, rows, run_of
from tests.processes import Process, Starter

from handshape.synthetic.dataset import draw_dataset

_NET = ("--backbone", "handnet", "--device", "cpu", "--json")
_SIGNER = ("--signer", r"signer(\d+)_")
_COMMANDS: dict[str, tuple[object, ...]] = {
    "features": ("features", *_NET),
    "train": ("train", *_NET, *_SIGNER, "--force", "--model", "frozen"),
    "compare": ("compare", *_NET, *_SIGNER, "--force", "--epochs", 1, "--batch-size", 8),
    "study": ("study", "finetune", *_NET, *_SIGNER, "--force", "--sizes", "2", "--epochs", 1),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run kill every command more often, such as ``--kills 20``."""
    parser.addoption("--kills", type=int, default=2, help="how often each command is killed")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Number the kills of a test that takes a number."""
    if "kill" in metafunc.fixturenames:
        metafunc.parametrize("kill", range(metafunc.config.getoption("--kills")))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one process do all tests of this folder: they look at the same undisturbed runs."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("faults"))


@dataclass(frozen=True)
class Scene:
    """One command on a user's photos, with a cache and a run of its own.

    Args:
        starter: Starts it.
        name: Of the command.
        photos: The user's photos, left as they are.
        cache: Where it keeps things.
        out: Where its run goes.
    """

    starter: Starter
    name: str
    photos: Path
    cache: Path
    out: Path

    def begin(self, *more: object) -> Process:
        """Start the command."""
        command, *words = _COMMANDS[self.name]
        sub = [words.pop(0)] if self.name == "study" else []
        out = () if self.name == "features" else ("--out", self.out)
        return self.starter.run(command, *sub, self.photos, *words, "--cache", self.cache, *out, *more)

    def outcome(self, process: Process) -> dict[str, Any]:
        """All that a finished run leaves behind, without what costs and places may change."""
        found = {"said": figures(process.done().json), "rows": rows(self.cache)}
        return {
            **found,
            "images": images_held(self.cache),
            **({} if self.name == "features" else run_of(self.out)),
        }

    def check_nothing_half(self, expected: dict[str, Any]) -> None:
        """Check that what can be found is whole and right, as far as it goes."""
        held = images_held(self.cache).items()
        images = {name: data for name, data in held if ".partial" not in name}
        assert images.items() <= expected["images"].items(), "prepared images are not whole"
        found = rows(self.cache)
        assert all(expected["rows"][key] == row for key, row in found.items()), "rows are not those wanted"
        if self.out.exists():
            whole = run_of(self.out)
            assert whole == {key: expected[key] for key in whole}


@dataclass(frozen=True)
class Undisturbed:
    """What a command leaves behind when nothing happens, and how many seconds it takes."""

    outcome: dict[str, Any]
    seconds: float


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's photos of hands, which are found at once: three labels, four signers, two of each."""
    root = tmp_path_factory.mktemp("user") / "photos"
    draw_dataset(root, "ABC", signers=4, images=2, size=64)
    (root / "truth.csv").unlink()
    return root


@pytest.fixture(autouse=True)
def _photos_stay(photos: Path) -> Iterator[None]:
    """Whatever happens, the user's photos stay as they are."""
    before = contents(photos)
    yield
    assert contents(photos) == before


@pytest.fixture
def scene(starter: Starter, photos: Path, tmp_path: Path) -> Callable[..., Scene]:
    """Return a function that sets the scene for a command."""

    def make(name: str, *, cache: Path | None = None, out: Path | None = None) -> Scene:
        return Scene(starter, name, photos, cache or tmp_path / "cache", out or tmp_path / "run")

    return make


@pytest.fixture(scope="session")
def undisturbed(
    starter: Starter, photos: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Undisturbed]:
    """Return a function that tells what a command leaves behind when nothing happens; run once for each."""
    known: dict[str, Undisturbed] = {}

    def tell(name: str) -> Undisturbed:
        if name not in known:
            place = tmp_path_factory.mktemp(name)
            scene = Scene(starter, name, photos, place / "cache", place / "run")
            began = monotonic()
            process = scene.begin().done()
            seconds = monotonic() - began
            assert leftovers(place) == []
            known[name] = Undisturbed(scene.outcome(process), seconds)
        return known[name]

    return tell


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Return a function that mounts a disk in memory, or gives one another size or mode."""
    mounted: list[Path] = []

    def mount(name: str, options: str, *, again: bool = False) -> Path:
        place = tmp_path / name
        place.mkdir(exist_ok=True)
        words = ["-o", f"{'remount,' * again}{options}", *([] if again else ["-t", "tmpfs", "tmpfs"])]
        done = subprocess.run(["mount", *words, str(place)], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"no disk can be mounted here ({done.stderr.strip()})")
        mounted.append(place)
        return place

    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    yield mount
    for place in dict.fromkeys(mounted):
        subprocess.run(["umount", "--lazy", str(place)], check=True, capture_output=True)
