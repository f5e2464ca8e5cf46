"""Every public name has an example in its documentation, and all of them run."""

import doctest
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from tests.conftest import draw_photos, shared_folder

import handshape

# Uploads to the hub, which tests cannot reach.
NOT_RUN = {"push"}
NAMES = sorted(set(handshape.__all__) - {"__version__"})


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the examples expect it: ``photos`` and a run in ``runs/first``."""
    made = shared_folder(tmp_path_factory, "examples")
    with FileLock(f"{made}.lock"):
        if not made.is_dir():
            photos = draw_photos(made / "photos", "ABC", signers=4, images=6)
            handshape.train(
                photos, model="frozen", backbone="handnet", signer=r"(signer\d+)_", out=made / "runs/first",
                cache=made / "cache", device="cpu",
            )  # fmt: skip
    return made


@pytest.fixture
def in_place(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in a copy of that folder."""
    shutil.copytree(place, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache-home"))
    yield tmp_path


def examples(name: str) -> list[doctest.DocTest]:
    """Return the examples of a public name and of its public methods."""
    named: dict[str, Any] = {"handshape": handshape, "os": os}
    found = doctest.DocTestFinder(exclude_empty=False).find(getattr(handshape, name), name, globs=named)
    return [one for one in found if one.examples]


@pytest.mark.parametrize("name", NAMES)
def test_docstrings__have_an_example(name: str) -> None:
    written = next((one for one in examples(name) if one.name == name), None)
    assert written is not None, f"{name} has no example"
    if name not in NOT_RUN:
        assert any(doctest.SKIP not in one.options for one in written.examples), f"{name}: all are skipped"


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_docstrings__examples_run(name: str, in_place: Path) -> None:
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    shown: list[str] = []
    for one in examples(name):
        runner.run(one, out=shown.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(shown)
