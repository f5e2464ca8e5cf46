import re
import socket
from importlib.util import find_spec
from typing import Any

import pytest

from handshape import cluster
from handshape.cluster import join_cluster
from handshape.errors import ClusterError, MissingExtraError


def test_join_cluster__without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "find_spec", lambda name: None)
    message = "'ray' is not installed; expected the extra 'ray'; pip install 'handshape[ray]'"
    with pytest.raises(MissingExtraError, match="^" + re.escape(message) + "$"), join_cluster(None):
        pass


with_ray = pytest.mark.skipif(find_spec("ray") is None, reason="the extra `ray` is not installed")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@with_ray
def test_join_cluster__nobody_listens() -> None:
    address = f"127.0.0.1:{free_port()}"
    message = (
        f"cannot join the Ray cluster at {address!r} (Connection refused); expected host:port of the head"
    )
    with pytest.raises(ClusterError, match="^" + re.escape(message)), join_cluster(address):
        pass


@with_ray
@pytest.mark.parametrize("address", ["head", "head:", "head:port"])
def test_join_cluster__no_address(address: str) -> None:
    message = f"cannot join the Ray cluster at {address!r} (no host and port); expected host:port of the head"
    with pytest.raises(ClusterError, match="^" + re.escape(message)), join_cluster(address):
        pass


@with_ray
def test_features__a_cluster_that_is_not_there(cli: Any, make_photos: Any, tmp_path: Any) -> None:
    words = ("--engine", "ray", "--address", f"127.0.0.1:{free_port()}", "--cache", tmp_path / "cache")
    answer = cli("features", make_photos("A", 1, 1), "--backbone", "handnet", *words)
    assert answer.code == 1 and answer.out == ""
    assert answer.err.splitlines()[-1].startswith("handshape features: cannot join the Ray cluster at")
