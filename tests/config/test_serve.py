import re
from pathlib import Path
from typing import Any

import pytest

from handshape.config.serve import ServeConfig
from handshape.errors import UsageError

RAY = {"engine": "ray", "bundle": Path("run")}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"replicas": 0}, "--replicas 0; expected 1 or more; change it"),
        ({"engine": "ray"}, "no BUNDLE with --engine ray; expected one: nothing is taught there; name it"),
        (
            {**RAY, "certificate": Path("a"), "key": Path("b")},
            "--certificate with --engine ray; expected a proxy that speaks TLS before it; leave it out",
        ),
    ],
)
def test_serve_config__what_a_cluster_cannot_serve(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match="^" + re.escape(message) + "$"):
        ServeConfig(**given)
