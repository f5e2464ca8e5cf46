"""Training in a process of its own: how it ends, and what it never brings into the server."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.serve.conftest import hand, wait_until

from handshape.errors import BusyError, OutputError, TrainingError

if TYPE_CHECKING:
    from handshape.serve.teach.teacher import Teacher

needs_proc = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are listed in /proc")


def children(pid: int) -> list[int]:
    """Return the processes that train for a server."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    found = [int(word) for one in lists for word in one.read_text().split()]
    return [one for one in found if b"train_album" in Path(f"/proc/{one}/cmdline").read_bytes()]


@pytest.fixture
def teacher(tmp_path: Path) -> "Teacher":
    """Teach with two signs, ready to be trained."""
    from handshape.serve.prediction_queue import PredictionQueue
    from handshape.serve.teach.photo_folder import PhotoFolder
    from handshape.serve.teach.teacher import Teacher

    teacher = Teacher(PhotoFolder(tmp_path / "photos"), PredictionQueue(None), tmp_path / "cache")
    for label in "LY":
        for index in range(2):
            teacher.folder.add(label, "Zoë", hand(label, 1, index))
    return teacher


@contextmanager
def training(teacher: "Teacher") -> Iterator[list[Exception]]:
    """Train on another thread; yield when its process has begun, and keep why it failed."""
    failed: list[Exception] = []

    def train() -> None:
        try:
            teacher.train()
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=train)
    thread.start()
    wait_until(lambda: children(os.getpid()))
    yield failed
    thread.join()


@needs_proc
def test_train__a_process_that_is_killed_costs_nothing_but_time(
    teacher: "Teacher", caplog: pytest.LogCaptureFixture
) -> None:
    before = {photo: teacher.folder.read(photo.label, photo.name) for photo in teacher.folder.photos()}
    with training(teacher) as failed:
        os.kill(children(os.getpid())[0], 9)
    assert [type(error) for error in failed] == [TrainingError]
    assert "killed by SIGKILL" in str(failed[0]) and "killed by SIGKILL" in caplog.text
    assert {photo: teacher.folder.read(photo.label, photo.name) for photo in before} == before
    assert not teacher.bundle.exists() and teacher.state()["missing"] == ""


@needs_proc
def test_close__ends_a_training(teacher: "Teacher", caplog: pytest.LogCaptureFixture) -> None:
    with training(teacher) as failed:
        teacher.close()
    assert [type(error) for error in failed] == [BusyError]
    assert children(os.getpid()) == [] and caplog.text == ""
    with pytest.raises(BusyError):
        teacher.train()


@pytest.mark.slow
def test_train__what_it_raises_is_raised_here(teacher: "Teacher") -> None:
    teacher.bundle.mkdir()
    (teacher.bundle / "mine.txt").write_text("keep this")
    with pytest.raises(OutputError) as caught:
        teacher.train()
    assert caught.value.wrong.endswith("contains something other than a run")


_SERVER = """
import json, sys
from pathlib import Path
from tests.serve.conftest import hand, serving
from tests.serve.teach.test_routes import add, use
from handshape.serve.loaded_recogniser import load_for_serving

with serving(load_for_serving("asl"), teach=Path(sys.argv[1])) as server:
    for label, shape in (("wave", "Y"), ("L", "L")):
        for signer in ("Anna", "Ben"):
            for index in range(2):
                assert add(server, label, signer, hand(shape, 1, index)).status == 201
    trained = server.ask("POST", "/v1/teach/train")
    assert trained.status == 200, trained.body
    assert trained.json["taught"]["added"] == ["wave"] and trained.json["taught"]["figures"]["signers"]
    assert use(server, "taught").status == 200
    assert server.predict(hand("L", 2, 0)).json["predictions"][0]["top"][0][0] == "L"
    for what in ("photos", "bundle"):
        assert server.ask("GET", f"/v1/teach/download/{what}").status == 200
    server.ask("GET", "/v1/teach/download/page")  # there is one where npm is
    for path in ("/v1/teach", "/v1/model", "/metrics", "/openapi.json"):
        assert server.ask("GET", path).status == 200
print(sorted({"torch", "torchvision"} & set(sys.modules)))
"""


@pytest.mark.slow
def test_train__the_server_never_holds_torch(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", _SERVER, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=300,
        env=environment,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr
