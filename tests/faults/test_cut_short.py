"""Killed by the system in the middle of a file: an export and a taught photo are whole, or not to be found.

A limit on the size of files ends the process at that very byte, as `kill -9` would.
"""

import io
import json
import signal
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.export.conftest import small_recogniser
from tests.faults.looks import contents, leftovers
from tests.processes import Starter
from tests.serve.teach.test_routes import jpeg
from tests.serving import Running

from handshape.data.io.folder import read_folder

pytestmark = pytest.mark.slow


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A small bundle."""
    small_recogniser(tmp_path / "cache").save(tmp_path / "bundle", "# A card\n")
    return tmp_path / "bundle"


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {name: data for name, (data, *_) in contents(folder).items()}


def test_export__the_model_is_whole_or_not_there(starter: Starter, bundle: Path) -> None:
    words, before = ("export", bundle, "--json"), bytes_of(bundle)
    size = starter.run(*words, "--out", bundle.parent / "whole" / "model.onnx").done().json["bytes"]
    assert starter.run(*words, file=size // 2).wait() == -signal.SIGXFSZ
    assert (bundle / ".model.onnx.handshape.partial" / "new.onnx").stat().st_size == size // 2
    assert {name: data for name, data in bytes_of(bundle).items() if not name.startswith(".")} == before
    assert starter.run(*words).done().json["bytes"] == size
    whole = bytes_of(bundle)
    assert whole.keys() == before.keys() | {"model.onnx"}
    # Where there is an earlier one, it stays.
    assert starter.run(*words, file=size // 2).wait() == -signal.SIGXFSZ
    assert {name: data for name, data in bytes_of(bundle).items() if not name.startswith(".")} == whole


def test_export__the_page_is_whole_or_the_earlier_one(
    starter: Starter, bundle: Path, web_runtime: Path
) -> None:
    page = bundle.parent / "page"
    words = ("export", bundle, "--format", "web", "--out", page)
    run = partial(starter.run, *words, environment={"XDG_CACHE_HOME": str(web_runtime.parents[1])})
    run().done()
    before = bytes_of(page)
    largest = max(before, key=lambda name: len(before[name]))
    assert run(file=len(before[largest]) - 1).wait() == -signal.SIGXFSZ
    assert bytes_of(page) == before
    # All but one of its files are there, and none where a server or a reader would look.
    assert (page.parent / ".page.handshape.partial" / "new" / "index.html").is_file()
    run().done()
    assert bytes_of(page).keys() == before.keys() and leftovers(bundle.parent) == []


def teach(running: Running, signer: str, data: bytes) -> None:
    running.open(f"/v1/teach/photos?label=A&signer={signer}", data, Content_Type="image/jpeg")


def test_teach__a_photo_is_whole_or_not_there(starter: Starter, tmp_path: Path) -> None:
    album, words = tmp_path / "album", ("--teach", tmp_path / "album", "--cache", tmp_path / "cache")
    noise = np.random.default_rng(0).integers(0, 256, (700, 700, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "JPEG", quality=90)
    small, large = jpeg(0, 0), file.getvalue()
    running = Running(starter, {}, *words, file=len(large) // 2)
    teach(running, "Ana", small)
    with pytest.raises(OSError):
        teach(running, "Ben", large)
    assert running.process.wait() == -signal.SIGXFSZ
    (half,) = leftovers(album)
    assert Path(half).stat().st_size == len(large) // 2 and Path(half).name.startswith(".")
    found = read_folder(album)
    assert [sample.path.read_bytes() for sample in found.samples] == [small]
    again = Running(starter, {}, *words)
    teach(again, "Ben", large)
    state = json.loads(again.open("/v1/teach"))
    assert [photo["name"] for photo in state["labels"][0]["photos"]] == ["Ana_1.jpg", "Ben_1.jpg"]
    assert (album / "A" / "Ben_1.jpg").read_bytes() == large
    assert again.end()[0] == 0
