"""The application on Ray Serve, as a user starts it."""

import json
import signal
import urllib.error
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.clusters import ON_RAY
from tests.conftest import Finished, draw_shape
from tests.serve.conftest import form, png
from tests.serving import Running
from websockets.sync.client import connect

from handshape.cluster import join_cluster
from handshape.errors import ClusterError
from handshape.serve.settings import Settings

pytestmark = ON_RAY


def read(server: Running, number: int) -> Any:
    body, kind = form(("image", "a.png", png(draw_shape(number % 3, 1, number))))
    return json.loads(server.open("/v1/predict", body, Content_Type=kind))


def follow(server: Running, frames: int) -> list[Any]:
    """Send camera frames one after another and return what is read in them."""
    found = []
    with connect(f"ws://{server.authority}/v1/stream") as stream:
        for number in range(frames):
            stream.send(png(draw_shape(number, 2, number)))
            found.append(json.loads(stream.recv(60))["top"])
    return found


def test_serve__replicas_answer_as_one_server_does(serve: Callable[..., Running], ray_cluster: Any) -> None:
    alone = serve("--threads", 1)
    expected, seen = [read(alone, number) for number in range(20)], follow(alone, 3)
    model = alone.open("/v1/model")
    alone.end()
    ray = serve("--engine", "ray", "--address", ray_cluster.address, "--replicas", 2, "--json")
    with ThreadPoolExecutor(4) as pool:  # several at once, for both replicas and for batches
        answers = list(pool.map(lambda number: read(ray, number), range(20)))
    for answer, other in zip(answers, expected, strict=True):
        for found, wanted in zip(answer["predictions"], other["predictions"], strict=True):
            # The last digit may depend on how many are read at once, on Ray as elsewhere.
            assert found["label"] == wanted["label"]
            assert found["probability"] == pytest.approx(wanted["probability"], abs=1e-5)
    assert [[label for label, _ in top] for top in follow(ray, 3)] == [
        [label for label, _ in top] for top in seen
    ]
    assert ray.open("/v1/model") == model
    assert b"<html" in ray.open("/")
    with pytest.raises(urllib.error.HTTPError, match="403"):
        ray.open("/v1/model", Host="elsewhere.example")
    body, kind = form(("image", "a.png", b"no photo"))
    with pytest.raises(urllib.error.HTTPError, match="415"):
        ray.open("/v1/predict", body, Content_Type=kind)
    code, out, err = ray.end(signal.SIGTERM)
    assert (code, err) == (0, "")
    assert json.loads(out) == {"url": f"http://{ray.authority}/", "replicas": 2}


@contextmanager
def joined(address: str) -> Iterator[Any]:
    with join_cluster(address):
        from handshape.serve import ray

        yield ray


def call(ray: Any, bundle: Path, replicas: int = 1) -> None:
    ray.serve_on_cluster(
        bundle, Settings(), host="127.0.0.1", port=0, replicas=replicas, threads=1, started=lambda: None
    )


def test_serve__more_replicas_than_cores(
    cli: Callable[..., Any], finished: Finished, ray_cluster: Any
) -> None:
    ray = ("--engine", "ray", "--address", ray_cluster.address, "--replicas", 4, "--port", 0)
    answer = cli("serve", finished.out, "--no-open", *ray)
    assert answer.code == 2
    assert "--replicas and --threads for 4 cores; expected at most 3, which is what the" in answer.err


def test_serve_on_cluster__no_replica_can_be_started(ray_cluster: Any, tmp_path: Path) -> None:
    message = r"^no replica could be started \(.*\); expected the same handshape and the same Python on every"
    with joined(ray_cluster.address) as ray, pytest.raises(ClusterError, match=message):
        call(ray, tmp_path / "nothing")


def test_serve_on_cluster__another_serves_already(ray_cluster: Any, tmp_path: Path) -> None:
    from ray import serve

    with joined(ray_cluster.address) as ray:
        serve.start(http_options={"port": 0})
        try:
            message = "^Ray Serve runs on the cluster already; expected a cluster of its own, because it"
            with pytest.raises(ClusterError, match=message):
                call(ray, tmp_path)
        finally:
            serve.shutdown()


def test_serve_on_cluster__elsewhere_than_at_its_head(
    ray_cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with joined(ray_cluster.address) as ray:
        others = [node for node in ray.ray.nodes() if "node:__internal_head__" not in node["Resources"]]
        monkeypatch.setattr(ray.ray, "nodes", lambda: others)
        message = "^this machine is not the head of the cluster; expected the head, where requests come in"
        with pytest.raises(ClusterError, match=message):
            call(ray, tmp_path)
