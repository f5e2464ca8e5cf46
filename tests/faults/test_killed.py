"""Killed at any moment: what was finished stays, nothing half is to be found, and the next run is right."""

import json
import os
import random
import shutil
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http.client import HTTPException
from pathlib import Path
from time import monotonic, sleep
from urllib.error import HTTPError

import pytest
from tests.faults.conftest import Scene, Undisturbed
from tests.faults.looks import figures, leftovers, rows
from tests.processes import Process, Starter
from tests.serve.conftest import hand, wait_until
from tests.serve.teach.test_routes import jpeg
from tests.serve.teach.test_training import children
from tests.serving import Running

pytestmark = pytest.mark.slow

Tell = Callable[[str], Undisturbed]


def has_come(moment: float) -> bool:
    return monotonic() >= moment


def kill_at(begin: Callable[[], Process], seconds: float) -> float:
    """Kill a command when it has run for so long; earlier, if it was done by then; return when."""
    while True:
        end = partial(has_come, monotonic() + seconds)
        process = begin()
        process.wait(end)
        process.send(signal.SIGKILL)
        if process.wait() == -signal.SIGKILL:
            return seconds
        process.done()
        seconds *= 0.7


def share_of(name: str, kill: int) -> float:
    """Return after which share of its time a command is killed: a fixed one for each kill."""
    return random.Random(f"{name} {kill}").random()


@pytest.mark.parametrize("name", ["features", "train", "compare", "study"])
def test_killed__the_next_run_is_as_if_nothing_had_happened(
    scene: Callable[..., Scene], undisturbed: Tell, name: str, kill: int
) -> None:
    expected, here = undisturbed(name), scene(name)
    moment = kill_at(here.begin, share_of(name, kill) * expected.seconds)
    print(f"{name}, kill {kill}: after {moment:.3f} of {expected.seconds:.3f} s")
    here.check_nothing_half(expected.outcome)
    assert here.outcome(here.begin()) == expected.outcome
    assert leftovers(here.cache, here.out.parent) == []


def has_any(folder: Path, pattern: str) -> bool:
    return any(folder.glob(pattern))


def test_killed__what_was_committed_stays(scene: Callable[..., Scene], undisturbed: Tell) -> None:
    here, expected = scene("features"), undisturbed("features").outcome
    for moment in ("images/.*.partial", "features/*.lance/_versions/*.manifest"):
        process = here.begin()
        assert process.wait(partial(has_any, here.cache, moment)) is None, process.err
        process.send(signal.SIGKILL)
        process.wait()
        here.check_nothing_half(expected)
    assert rows(here.cache)
    assert here.outcome(here.begin()) == expected


@pytest.fixture(scope="session")
def trained(starter: Starter, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, for commands that use one."""
    place = tmp_path_factory.mktemp("trained")
    scene = Scene(starter, "train", photos, place / "cache", place / "run")
    scene.begin().done()
    return scene.out


@pytest.fixture(scope="session")
def seconds_of() -> dict[str, float]:
    """How long commands take when nothing happens."""
    return {}


def timed(begin: Callable[[], Process], name: str, known: dict[str, float]) -> float:
    """Return how long a command takes, measured once."""
    if name not in known:
        began = monotonic()
        begin().done()
        known[name] = monotonic() - began
    return known[name]


def test_evaluate__its_report_is_whole_or_not_there(
    starter: Starter, trained: Path, photos: Path, tmp_path: Path, seconds_of: dict[str, float], kill: int
) -> None:
    def begin(name: str) -> Process:
        words = ("evaluate", trained, photos, "--include-known", "--force", "--json")
        return starter.run(*words, "--cache", tmp_path / "cache", "--out", tmp_path / name)

    seconds = timed(partial(begin, "whole"), "evaluate", seconds_of)
    kill_at(partial(begin, "killed"), share_of("evaluate", kill) * seconds)
    report = tmp_path / "killed" / "report.html"
    assert not report.parent.exists() or report.read_text(encoding="utf-8").rstrip().endswith("</html>")
    expected = begin("whole").done().json
    assert figures(begin("killed").done().json) == figures(expected)
    assert leftovers(tmp_path) == []


def test_export__the_model_is_whole_or_not_there(
    starter: Starter, trained: Path, tmp_path: Path, seconds_of: dict[str, float], kill: int
) -> None:
    bundle = shutil.copytree(trained / "recogniser", tmp_path / "bundle")

    def begin(name: str) -> Process:
        return starter.run("export", bundle, "--out", tmp_path / name / "model.onnx", "--json")

    seconds = timed(partial(begin, "whole"), "export", seconds_of)
    whole = tmp_path / "whole" / "model.onnx"
    if not whole.exists():
        begin("whole").done()
    killed = tmp_path / "killed" / "model.onnx"
    kill_at(partial(begin, "killed"), share_of("export", kill) * seconds)
    assert not killed.exists() or killed.read_bytes() == whole.read_bytes()
    begin("killed").done()
    assert killed.read_bytes() == whole.read_bytes()
    assert leftovers(tmp_path) == []


def test_cache_clear__what_is_left_can_be_used(
    scene: Callable[..., Scene], undisturbed: Tell, starter: Starter, kill: int
) -> None:
    expected, here = undisturbed("features"), scene("features")

    def begin() -> Process:
        here.begin().done()
        return starter.run("cache", "clear", "--cache", here.cache)

    kill_at(begin, share_of("cache clear", kill) * 0.3)
    assert here.outcome(here.begin()) == expected.outcome


def test_teach__no_photo_that_was_acknowledged_is_lost(starter: Starter, tmp_path: Path, kill: int) -> None:
    album, words = tmp_path / "album", ("--teach", tmp_path / "album", "--cache", tmp_path / "cache")
    running, acknowledged = Running(starter, {}, *words), dict[str, bytes]()

    def send() -> None:
        for number in range(1000):
            data = jpeg(0, number)
            try:
                answer = running.open("/v1/teach/photos?label=A&signer=Ana", data, Content_Type="image/jpeg")
            except (OSError, HTTPException):
                return
            acknowledged[json.loads(answer)["name"]] = data

    sender = threading.Thread(target=send)
    sender.start()
    running.process.wait(lambda: bool(acknowledged))
    sleep(2 * share_of("teach", kill))
    running.process.send(signal.SIGKILL)
    running.process.wait()
    sender.join()
    assert acknowledged
    again = Running(starter, {}, *words)
    shown = {photo["name"] for photo in json.loads(again.open("/v1/teach"))["labels"][0]["photos"]}
    assert acknowledged.keys() <= shown
    assert all((album / "A" / name).read_bytes() == data for name, data in acknowledged.items())
    assert again.end()[0] == 0


def is_gone(pid: int) -> bool:
    """Return whether a process has ended, taken note of or not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_teach__killed_in_training(starter: Starter, tmp_path: Path, kill: int) -> None:
    album, words = tmp_path / "album", ("--teach", tmp_path / "album", "--cache", tmp_path / "cache")
    running = Running(starter, {}, *words)

    def send(label: str, index: int) -> str:
        data, at = hand(label, 1, index), f"/v1/teach/photos?label={label}&signer=Ana"
        return str(json.loads(running.open(at, data, Content_Type="image/jpeg"))["name"])

    def train() -> None:
        with suppress(OSError, HTTPException):
            running.open("/v1/teach/train", b"")

    photos = {(label, send(label, index)): hand(label, 1, index) for label in "LY" for index in range(2)}
    began = monotonic()
    train()
    seconds = monotonic() - began
    photos["L", send("L", 2)] = hand("L", 1, 2)
    training = threading.Thread(target=train)
    training.start()
    wait_until(lambda: children(running.process.pid))
    (child,) = children(running.process.pid)
    sleep(seconds * share_of("training", kill))
    running.process.send(signal.SIGKILL)
    running.process.wait()
    training.join()
    wait_until(lambda: is_gone(child))
    assert all((album / label / name).read_bytes() == data for (label, name), data in photos.items())
    running = Running(starter, {}, *words)
    assert json.loads(running.open("/v1/teach"))["taught"]["labels"] == ["L", "Y"]
    assert not json.loads(running.open("/v1/teach/train", b""))["taught"]["stale"]
    assert leftovers(tmp_path) == []
    assert running.end()[0] == 0


def test_teach__a_server_that_is_asked_to_end_ends_the_training(starter: Starter, tmp_path: Path) -> None:
    running = Running(starter, {}, "--teach", tmp_path / "album", "--cache", tmp_path / "cache")
    for label in "LY":
        for index in range(2):
            at = f"/v1/teach/photos?label={label}&signer=Ana"
            running.open(at, hand(label, 1, index), Content_Type="image/jpeg")
    asking = threading.Thread(target=lambda: asked.append(outcome()))
    asked: list[int] = []

    def outcome() -> int:
        try:
            running.open("/v1/teach/train", b"")
        except HTTPError as error:
            return error.code
        return 200

    asking.start()
    wait_until(lambda: children(running.process.pid))
    (child,) = children(running.process.pid)
    os.kill(child, signal.SIGSTOP)  # it would never be done
    code, _, said = running.end()
    asking.join()
    assert (code, asked, is_gone(child)) == (0, [503], True), said
