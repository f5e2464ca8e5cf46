"""The same application on Ray Serve: replicas of it behind one address.

Ray is imported here and nowhere above; whoever imports this module has made sure that it is installed.
"""

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import ray
from fastapi import FastAPI
from ray import serve
from ray.serve.config import ProxyLocation

from handshape.errors import ClusterError, UsageError
from handshape.serve.app import create_app
from handshape.serve.engine import Engine
from handshape.serve.reader import open_reader
from handshape.serve.settings import Settings

_NAME = "handshape"


def serve_on_cluster(
    bundle: str | Path,
    settings: Settings,
    *,
    host: str,
    port: int,
    replicas: int,
    threads: int,
    started: Callable[[], None],
) -> None:
    """Serve on the cluster that was joined, until SIGINT or SIGTERM.

    Each replica is the application with an engine of its own, which reads in batches what is waiting there.
    Requests come in at the head of the cluster, which has to be this machine.

    Args:
        bundle: What photos are read with; every replica opens it under the same path.
        settings: Who may use the server, and how much of each replica.
        host: Address to listen on.
        port: Port to listen on.
        replicas: How many.
        threads: Threads of each replica, and cores that it takes.
        started: Called once requests are answered.

    Raises:
        UsageError: There are fewer cores than replicas need.
        ClusterError: Ray Serve cannot be started on this cluster from here, or no replica can be.
    """
    _require_room(replicas * threads)

    def build() -> FastAPI:
        engine = Engine(open_reader(bundle), threads=threads, waiting=settings.limits.waiting)
        return create_app(engine, settings)

    deployment = serve.deployment(
        serve.ingress(build)(),
        name=_NAME,
        num_replicas=replicas,
        max_ongoing_requests=settings.limits.waiting,
        ray_actor_options={"num_cpus": threads},
    )
    logging.getLogger("ray.serve").setLevel(logging.CRITICAL)
    with _until_signal():
        try:
            _deploy(deployment, host, port)
            started()
            threading.Event().wait()
        finally:
            serve.shutdown()


def _require_room(cores: int) -> None:
    there = int(ray.cluster_resources().get("CPU", 0))
    if cores > there:
        raise UsageError(
            f"--replicas and --threads for {cores} cores",
            f"at most {there}, which is what the cluster has",
            "ask for fewer",
        )
    heads = [node["NodeID"] for node in ray.nodes() if "node:__internal_head__" in node["Resources"]]
    if ray.get_runtime_context().get_node_id() not in heads:
        raise ClusterError(
            "this machine is not the head of the cluster",
            "the head, where requests come in",
            "run it there",
        )
    if serve.status().proxies:
        raise ClusterError(
            "Ray Serve runs on the cluster already",
            "a cluster of its own, because it would end with this server",
            "leave out --address, or end the other with `serve shutdown`",
        )


def _deploy(deployment: serve.Deployment, host: str, port: int) -> None:
    try:
        serve.start(ProxyLocation.HeadOnly, http_options={"host": host, "port": port})
        serve.run(deployment.bind(), name=_NAME, route_prefix="/")
    except (RuntimeError, TimeoutError, ray.exceptions.RayError) as error:
        reason = str(error).strip().split("\n")[-1]
        raise ClusterError(
            f"no replica could be started ({reason})",
            "the same handshape and the same Python on every node, and the bundle under the same path",
            "mend that, or see Ray's log",
        ) from error


@contextmanager
def _until_signal() -> Iterator[None]:
    """Leave the block on SIGINT or SIGTERM, wherever in it the program is."""
    numbers = signal.SIGINT, signal.SIGTERM
    before = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
